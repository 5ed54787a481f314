// SPDX-License-Identifier: Apache-2.0
// On whose tables and whose frames a page-table call works.
import Domains
import Frames
import Machine
import XenABI

/// The two domains that a page-table call names (xen/xen.h, HYPERVISOR_mmu_update: x << 16 | FD).
struct PageTableTarget {
  /// Whose page tables change.
  var tables: Ref<Domain>
  /// What their entries may hold.
  var rules: EntryRules
}

extension Hypercall {
  /// Decodes and authorizes the argument that names the domains.
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
    // The right to map devices is the caller's: a toolstack that builds a domain with a device passes its own.
    rules.mayMapDevices = domain[].mayUseHardware
    let frames = DomainID(UInt16(truncatingIfNeeded: word))
    switch frames {
    case .current: break
    case .io:
      guard domain[].mayUseHardware else { throw .notPermitted }
      rules.frameOwner = .io
    case .xen:
      guard domain[].isPrivileged else { throw .notPermitted }
      rules.frameOwner = .xen
    default:
      rules.frameOwner = try target(frames.raw)[].id
    }
    return PageTableTarget(tables: tables, rules: rules)
  }
}

/// Notes that the domain has dead page tables to be taken apart before its guest goes on (rule T1).
@inline(__always)
func noteTeardown(_ isEmpty: Bool) {
  if !isEmpty { Ref<PhysicalCPU>.current[].work.fetchOr(CPUWork.teardown) }
}
