// SPDX-License-Identifier: Apache-2.0
// Domains that have given up all they had: what is left of them goes when the last of those who hold something has let go. That
// is nobody's call: CPUs look when they choose who runs and when a grace period is over.
import Frames
import Machine
import XenABI

/// The domains that have ended and are not gone, in a list. Under a lock of rank `domainTable`.
public struct EndedDomains: ~Copyable {
  var first: Ref<Domain>?
  var last: Ref<Domain>?
  var count = 0

  /// None.
  init() {}

  mutating func append(_ domain: Ref<Domain>) {
    domain[].destruction.next = nil
    if let last { last[].destruction.next = domain } else { first = domain }
    last = domain
    count &+= 1
    Ref<Hypervisor>.shared[].endedCount.store(UInt64(count))
  }

  mutating func takeFirst() -> Ref<Domain>? {
    guard let domain = first else { return nil }
    first = domain[].destruction.next
    if first == nil { last = nil }
    domain[].destruction.next = nil
    count &-= 1
    Ref<Hypervisor>.shared[].endedCount.store(UInt64(count))
    return domain
  }
}

/// Who looks after domains that have ended.
enum Reaper {
  private static var list: Ref<Lock<EndedDomains>> { Ref<Hypervisor>.shared.field { .to(&$0.ended) } }

  /// Takes a domain over that has given up all it could.
  static func receive(_ domain: Ref<Domain>) {
    notify()
    list[].withLock { $0.append(domain) }
    attend()
  }

  /// Tells the toolstack that domains have changed (VIRQ_DOM_EXC): xenstored looks at all of them then.
  private static func notify() {
    MachineInterrupts.raise(VirtualInterrupt.domainException)
  }

  /// Looks at the domains that have ended, if something has happened that one of them may have waited for.
  @inline(__always)
  static func attendIfNeeded() { if ledger[].hasEndNotice { attend() } }

  /// Looks after this CPU has paused: it may have been the last that a grace period waited for.
  static func attendAfterPause() { if Ref<Hypervisor>.shared[].reaperHasWork { attend() } }

  /// Looks at each domain that has ended, up to a number, and does what can be done. With no lock held.
  @inline(never)
  static func attend() {
    let hypervisor = Ref<Hypervisor>.shared
    if hypervisor[].reaperAtWork.compareExchange(expected: 0, desired: 1) == 0 {
      // Before looking: what happens from here on gives notice again.
      _ = ledger[].takeEndNotice()
      look()
      hypervisor[].reaperAtWork.store(0)
    } else {
      // What has happened may be about the domain that the other CPU has just looked at.
      ledger[].noteEnd()
    }
    if ledger[].hasEndNotice { Ref<PhysicalCPU>.current[].work.fetchOr(CPUWork.schedule) }
  }

  private static func look() {
    let waiting = list[].withLock { $0.count }
    var left = min(waiting, 64)
    if left < waiting { ledger[].noteEnd() }
    while left > 0, let domain = list[].withLock({ $0.takeFirst() }) {
      left &-= 1
      if !isGone(domain) { list[].withLock { $0.append(domain) } }
    }
  }

  /// Goes on with one domain, which only the caller has in its hands. Gives whether nothing is left of it.
  private static func isGone(_ domain: Ref<Domain>) -> Bool {
    let id = domain[].id
    switch domain[].destruction.stage {
    case .ended:
      guard isUnused(domain) else { return false }
      DomainNumbers.unlist(id)
      domain[].destruction.period = GracePeriod.begin()
      domain[].destruction.stageNumber.store(DestructionStage.retired.rawValue)
      notify()
      return false
    case .retired:
      guard GracePeriod.isOver(domain[].destruction.period) else { return false }
      // Large tables are given back in pieces.
      guard domain.freeSomeRecords() else {
        ledger[].noteEnd()
        return false
      }
      return true
    default: return false
    }
  }

  /// D3: nobody but we holds anything of the domain's.
  private static func isUnused(_ domain: Ref<Domain>) -> Bool {
    let (id, page) = (domain[].id, domain[].sharedInfo)
    guard ledger[].accounts.owned(id) == 0, ledger[].accounts.shared(id) == 1, ledger[].count(page) == 1 else {
      return false
    }
    return domain[].grants.withLock { $0.isUnused }
  }
}
