// SPDX-License-Identifier: Apache-2.0
// On whose tables and whose frames a page-table call works.
import Domains
import Frames
import Machine
import XenABI

/// The two domains that a page-table call names (xen/xen.h, HYPERVISOR_mmu_update: foreigndom).
struct PageTableTarget {
  /// Whose page tables change (PFD).
  var tables: Ref<Domain>
  /// What their entries may hold; frames of whom (FD).
  var rules: EntryRules
}

extension Hypercall {
  /// Decodes and authorizes the argument that names the domains: FD in bits 15 to 0, one more than PFD in bits 31 to 16, where
  /// zero means the caller.
  ///
  /// - Throws: `noSuchDomain`, `notPermitted`.
  @inline(__always)
  mutating func pageTableTarget(_ raw: UInt64) throws(XenError) -> PageTableTarget {
    if raw == UInt64(DomainID.current.raw) { return PageTableTarget(tables: domain, rules: domain.entryRules()) }
    return try otherTarget(raw)
  }

  @inline(never)
  private mutating func otherTarget(_ raw: UInt64) throws(XenError) -> PageTableTarget {
    let word = UInt32(truncatingIfNeeded: raw)
    let tables = word &>> 16 == 0 ? domain : try target(UInt16(truncatingIfNeeded: word &>> 16 &- 1))
    var rules = tables.entryRules()
    let frames = DomainID(UInt16(truncatingIfNeeded: word))
    switch frames {
    case .io:
      // At the caller's privilege, by the header.
      rules.frameOwner = .io
      rules.mayMapDevices = domain[].mayUseHardware
    case .xen:
      guard domain[].isPrivileged else { throw .notPermitted }
      rules.frameOwner = .xen
      rules.mayMapDevices = false
    default:
      // Device memory at FD's privilege, by the header: the number of a "frame" comes from that domain, and must not lead its
      // controller to a device that the domain could not reach.
      let owner = try target(frames.raw)
      rules.frameOwner = owner[].id
      rules.mayMapDevices = owner[].mayUseHardware
    }
    return PageTableTarget(tables: tables, rules: rules)
  }

  /// Takes a stretch of another domain's dead page tables apart, on behalf of a caller that has just changed them or is about
  /// to: that domain may be paused, and nobody else would (T1).
  ///
  /// - Returns: Whether none are left. The caller's own are no matter of this call (`GuestExit`).
  func settleTables(of other: Ref<Domain>) -> Bool {
    if other == domain { return true }
    return other[].pageTables.withLock { ledger[].drain(&$0.work) }
  }
}
