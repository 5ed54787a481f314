// SPDX-License-Identifier: Apache-2.0
// Machine checks: the hardware reports an error of its own. What its banks say is told. An error that only whoever runs cannot go
// on with ends that domain; one by which the CPU itself may be damaged, or that has hit the hypervisor, ends the machine.
import Machine
import XenABI

/// What follows from a machine check.
public enum MachineCheckVerdict: Int, Comparable {
  /// Nothing: the hardware has corrected it, or nobody uses what is damaged.
  case goOn
  /// The interrupted domain cannot go on.
  case endDomain
  /// The machine cannot.
  case endMachine

  /// By gravity.
  public static func < (a: MachineCheckVerdict, b: MachineCheckVerdict) -> Bool { a.rawValue < b.rawValue }
}

/// The machine check entry's safe body.
public enum MachineCheck {
  /// What follows from one error on a CPU that was interrupted in a guest, or in the hypervisor. `tellsRecoverable`: the CPU says
  /// of an uncorrected error whether somebody has to act on it.
  public static func judge(
    _ error: MachineCheckError, inGuest: Bool, tellsRecoverable: Bool
  ) -> MachineCheckVerdict {
    if error.hasCorruptedContext { return .endMachine }
    guard error.isUncorrected else { return .goOn }
    guard tellsRecoverable else { return .endMachine }
    guard error.isSignalled && error.requiresAction else { return .goOn }
    return inGuest ? .endDomain : .endMachine
  }

  /// Handles one: on the ordinary stack if it has come in a guest, on a stack of its own if in the hypervisor.
  public static func handle(_ frame: Ref<TrapFrame>) {
    take(frame)
    if frame[].isGuest { GuestExit.prepare(frame) }
  }

  /// Looks at the banks, and does what follows. Does not return where that is the machine's end.
  static func take(_ frame: Ref<TrapFrame>) {
    // A CPU that panics stops the others by NMI; one that is hit meanwhile has nothing to add.
    if PanicState.isUnderway && !PanicState.isOurs {
      PanicState.record(frame)
      Registers.stop()
    }
    let inGuest = frame[].isGuest
    let recoverable = MachineCheckBanks.tellsRecoverable
    var verdict: MachineCheckVerdict = MachineCheckBanks.canGoOn ? .goOn : .endMachine
    for bank in 0..<MachineCheckBanks.count {
      guard let error = MachineCheckBanks.error(bank) else { continue }
      verdict = max(verdict, judge(error, inGuest: inGuest, tellsRecoverable: recoverable))
    }
    if verdict == .endMachine { MachineEnd.panic("a machine check: the hardware reports an error of its own", frame) }
    // What it has come in the middle of in the hypervisor may hold the console's lock; the banks keep what they tell of.
    guard inGuest else { return MachineCheckBanks.finish() }
    tell(andForget: true)
    MachineCheckBanks.finish()
    if verdict == .endDomain, let vcpu = Ref<PhysicalCPU>.current[].vcpu {
      vcpu[].domain.crash("a machine check: what it uses is damaged")
    }
  }

  /// Says what this CPU's banks tell of, and has them forget it if wanted.
  static func tell(andForget: Bool) {
    for bank in 0..<MachineCheckBanks.count {
      guard let error = MachineCheckBanks.error(bank) else { continue }
      Log.write(.error) {
        $0.put("machine check on CPU ")
        $0.put(decimal: UInt64(CPUs.current))
        $0.put(": bank ")
        $0.put(decimal: UInt64(bank))
        $0.put(" status ")
        $0.put(hex: error.status, digits: 16)
        if let address = error.address {
          $0.put(" address ")
          $0.put(hex: address, digits: 16)
        }
        if let miscellaneous = error.miscellaneous {
          $0.put(" misc ")
          $0.put(hex: miscellaneous, digits: 16)
        }
      }
      if andForget { MachineCheckBanks.clear(bank) }
    }
  }

  /// Has machine checks come on the CPU that runs this. What its banks have kept from before, a machine check that ended the
  /// machine perhaps, is told and forgotten.
  public static func enable() {
    tell(andForget: true)
    MachineCheckBanks.enable()
  }
}
