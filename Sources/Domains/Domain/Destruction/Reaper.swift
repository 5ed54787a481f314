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

  /// None.
  init() {}

  mutating func append(_ domain: Ref<Domain>) {
    domain[].destruction.next = nil
    if let last { last[].destruction.next = domain } else { first = domain }
    last = domain
  }

  mutating func takeFirst() -> Ref<Domain>? {
    guard let domain = first else { return nil }
    first = domain[].destruction.next
    if first == nil { last = nil }
    domain[].destruction.next = nil
    return domain
  }
}

/// Who looks after domains that have ended.
enum Reaper {
  private static var list: Ref<Lock<EndedDomains>> { Ref<Hypervisor>.shared.field { .to(&$0.ended) } }

  /// Takes a domain over that has given up all it could.
  static func receive(_ domain: Ref<Domain>) {
    notify()
    Ref<Hypervisor>.shared[].endedCount.fetchAdd(1)
    list[].withLock { $0.append(domain) }
    // Another CPU may have taken the notice that came with the last of it while the domain was in no list.
    ledger[].noteEnd()
    attend()
  }

  /// Tells the toolstack that domains have changed (VIRQ_DOM_EXC): xenstored looks at all of them then.
  private static func notify() {
    MachineInterrupts.raise(VirtualInterrupt.domainException)
  }

  /// Looks at the domains that have ended, if something has happened that one of them may have waited for. Before a CPU chooses
  /// who runs: with no lock held, and nothing found.
  @inline(__always)
  static func attendIfNeeded() { if isNeeded { attendAndListen() } }

  /// Whether something has happened, or a look at all of them has not come to its end.
  @inline(__always)
  private static var isNeeded: Bool { ledger[].hasEndNotice || Ref<Hypervisor>.shared[].reaperLeft.load() != 0 }

  @inline(never)
  private static func attendAndListen() {
    attend()
    if isNeeded { Registers.allowInterrupts() }
  }

  /// Gives notice that this CPU has paused: it may have been the last that a grace period waited for.
  static func noteDidPause() {
    guard Ref<Hypervisor>.shared[].reaperHasWork else { return }
    ledger[].noteEnd()
    Ref<PhysicalCPU>.current[].work.fetchOr(CPUWork.schedule)
  }

  /// Looks at domains that have ended, for a stretch, and does what can be done. With no lock held.
  ///
  /// One CPU at a time is at it, and nobody waits for that: who comes meanwhile leaves a notice, since what has happened may be
  /// about the domain that the other CPU has just looked at, and who ends looks for notices.
  static func attend() {
    let hypervisor = Ref<Hypervisor>.shared
    let isMore: Bool
    if hypervisor[].reaperAtWork.compareExchange(expected: 0, desired: 1) == 0 {
      // Before looking: what happens from here on gives notice again, and has all of them looked at again.
      if ledger[].takeEndNotice() { hypervisor[].reaperLeft.store(hypervisor[].endedCount.load()) }
      look(hypervisor)
      isMore = hypervisor[].reaperAtWork.publish(0) { isNeeded }
    } else {
      isMore = ledger[].noteEnd { hypervisor[].reaperAtWork.load() == 0 }
    }
    if isMore { Ref<PhysicalCPU>.current[].work.fetchOr(CPUWork.schedule) }
  }

  private static func look(_ hypervisor: Ref<Hypervisor>) {
    var left = hypervisor[].reaperLeft.load()
    while left > 0, !Stretch.isOver {
      guard let domain = list[].withLock({ $0.takeFirst() }) else {
        // One that is counted and not in the list yet comes with a notice.
        left = 0
        break
      }
      left &-= 1
      if isGone(domain) {
        hypervisor[].endedCount.fetchAdd(UInt64.max)
      } else {
        list[].withLock { $0.append(domain) }
      }
      Stretch.spend(8)
    }
    hypervisor[].reaperLeft.store(hypervisor[].endedCount.load() == 0 ? 0 : left)
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
