// SPDX-License-Identifier: Apache-2.0
// What happens when a device's interrupt arrives.
import Machine
import XenABI

extension InterruptRouting {
  private enum Arrival {
    case console
    case guest(pirq: UInt32, isLevel: Bool)
  }

  /// An interrupt of a device has come to this CPU.
  static func deviceInterrupt(_ vector: UInt8) {
    let arrival: Arrival? = withState { state in
      guard let pirq = state.vectors.interrupt(vector), let record = state.record(pirq) else { return nil }
      return record.isConsole ? .console : .guest(pirq: pirq, isLevel: record.isLevel)
    }
    switch arrival {
    case .none: LocalAPIC.acknowledge()
    case .console:
      LocalAPIC.acknowledge()
      Ref<PhysicalCPU>.current[].work.fetchOr(CPUWork.console)
    case .guest(let pirq, let isLevel):
      // A line that signals by level is masked by `arrived`: only then may the CPU be told, or it comes again at once.
      let id = arrived(pirq)
      LocalAPIC.acknowledge()
      guard let id, let domain = Hypervisor.domain(id) else { return }
      if !isLevel { heed(pirq, domain) }
      Events.raise(pirq: pirq, domain: domain)
    }
  }

  /// Counts edges that come while the event of the one before still waits. After too many the interrupt is masked until the
  /// guest has taken the event, provided that the guest can be told to say so.
  private static func heed(_ pirq: UInt32, _ domain: Ref<Domain>) {
    let isUnheeded = Events.isHeldBack(pirq: pirq, domain: domain)
    _ = withRecord(pirq) { record in
      guard isUnheeded, record.bindings > 0 else {
        record.unheeded = 0
        return
      }
      if record.unheeded < PhysicalInterrupt.patience {
        record.unheeded &+= 1
      } else if domain.hasEOIFrame, record.source == .line || record.message.canBeMasked {
        record.isHeld = true
        // Before the event is raised, so that the guest that takes it finds the bit.
        domain.tellEOI(pirq, true)
      }
    }
  }
}
