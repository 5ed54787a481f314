// SPDX-License-Identifier: Apache-2.0
// Virtual interrupts that are about the machine, not about the domain that hears of them: Domain 0 does, unless the toolstack
// has given one to another domain (a store or a driver domain).
import Machine
import XenABI

/// Virtual interrupts about the machine.
public enum MachineInterrupts {
  /// Raises one at the domain that takes it; at Domain 0 if that one is going away, as its ports are closed already: the news
  /// may be of its own end.
  public static func raise(_ virq: UInt32) {
    guard virq < VirtualInterrupt.count else { return }
    let number = handler(&Ref<Hypervisor>.shared[].virqHandlers[Int(virq)])
    if let domain = Hypervisor.domain(DomainID(number)), !domain[].isDying {
      Events.raiseGlobal(virq: virq, domain: domain)
    } else if let domain = Hypervisor.domain(DomainID(0)) {
      Events.raiseGlobal(virq: virq, domain: domain)
    }
  }

  /// Gives one to a domain; Domain 0 has those that nobody else has.
  public static func setHandler(of virq: UInt32, _ domain: Ref<Domain>) {
    guard virq < VirtualInterrupt.count else { return }
    Ref<Hypervisor>.shared[].virqHandlers[Int(virq)] = domain[].id.raw
  }

  /// Gives back to Domain 0 what a domain that goes away has.
  static func forget(_ domain: Ref<Domain>) {
    for virq in 0..<Int(VirtualInterrupt.count)
    where handler(&Ref<Hypervisor>.shared[].virqHandlers[virq]) == domain[].id.raw {
      Ref<Hypervisor>.shared[].virqHandlers[virq] = 0
    }
  }

  private static func handler(_ entry: inout UInt16) -> UInt16 { entry }
}
