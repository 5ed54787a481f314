// SPDX-License-Identifier: Apache-2.0
// Claims: frames promised to a domain before they are allocated (XENMEM_claim_pages), so that of two domains being built at
// once the one that cannot be completed fails at the start.
//
// Named rule C1: free frames are never fewer than the outstanding claims plus the allocations in flight. A domain's own
// allocations use up its claim; everybody else's may not touch it. The hypervisor's own frames are taken without asking: they
// are few, and a claim is a promise to the toolstack, not a safety property.
//
// Named rule C2: what domains get for their reservations leaves the reserve (`MachineMemory.reserve`) free as well. Only the
// hypervisor's own frames may come out of it.
import Frames
import Machine
import XenABI

/// How many frames are promised, to all domains together; each domain's part is `Domain.claimedFrames`. An allocation in
/// flight counts as promised.
public struct MemoryClaims: ~Copyable {
  var outstanding: UInt64 = 0

  /// No claims.
  public init() {}
}

extension MachineMemory {
  /// Claims frames for a domain, so that it could own `total`; zero gives up what it has claimed.
  ///
  /// - Throws: `noMemory` if there are not as many free; `invalid` if the domain owns as many already, or may not, or is
  ///   being destroyed.
  public static func claim(_ domain: Ref<Domain>, total: UInt64) throws(XenError) {
    guard Ref<MachineMemory>.isPublished else { throw .noMemory }
    let id = domain[].id
    try Ref<MachineMemory>.shared[].claims.withLock { claims throws(XenError) in
      let old = domain[].claimedFrames.load()
      guard total > 0 else {
        claims.outstanding &-= old
        domain[].claimedFrames.store(0)
        return
      }
      guard !domain[].isDying else { throw .invalid }
      let owned = ledger[].accounts.owned(id)
      guard old == 0, total > owned, total <= ledger[].accounts.limit(id) else { throw .invalid }
      let wanted = total &- owned
      guard unpromised(claims) >= wanted else { throw .noMemory }
      claims.outstanding &+= wanted
      domain[].claimedFrames.store(wanted)
    }
  }

  /// How many free frames are neither claimed nor kept in reserve.
  private static func unpromised(_ claims: borrowing MemoryClaims) -> UInt64 {
    let (free, kept) = (ledger[].freeFrames, claims.outstanding &+ Ref<MachineMemory>.shared[].reserve)
    return free > kept ? free &- kept : 0
  }

  /// Gives up what a domain has claimed: it is being destroyed.
  static func giveUpClaim(_ domain: Ref<Domain>) {
    guard Ref<MachineMemory>.isPublished else { return }
    Ref<MachineMemory>.shared[].claims.withLock { claims in
      claims.outstanding &-= domain[].claimedFrames.exchange(0)
    }
  }

  /// Allocates 2^order frames for a domain as `FrameLedger.allocate` does, with respect for claims.
  public static func allocate(for domain: Ref<Domain>, order: Int, limit: UInt64) -> MachineFrame? {
    let id = domain[].id
    guard Ref<MachineMemory>.isPublished else { return ledger[].allocate(for: id, order: order, limit: limit) }
    let size = UInt64(1) &<< UInt64(order)
    let fromClaim: UInt64? = Ref<MachineMemory>.shared[].claims.withLock { claims in
      let claimed = domain[].claimedFrames.load()
      let part = min(claimed, size)
      guard part == size || unpromised(claims) >= size &- part else { return nil }
      // In flight: still, or now, among the promised.
      claims.outstanding &+= size &- part
      domain[].claimedFrames.store(claimed &- part)
      return part
    }
    guard let fromClaim else { return nil }
    let first = ledger[].allocate(for: id, order: order, limit: limit)
    Ref<MachineMemory>.shared[].claims.withLock { claims in
      claims.outstanding &-= size
      if first == nil {
        claims.outstanding &+= fromClaim
        domain[].claimedFrames.store(domain[].claimedFrames.load() &+ fromClaim)
      }
    }
    return first
  }

  /// Frames that are promised to somebody, for reports (`outstanding_pages` of XEN_SYSCTL_physinfo).
  public static var outstandingClaims: UInt64 {
    guard Ref<MachineMemory>.isPublished else { return 0 }
    return Ref<MachineMemory>.shared[].claims.withLock { $0.outstanding }
  }
}
