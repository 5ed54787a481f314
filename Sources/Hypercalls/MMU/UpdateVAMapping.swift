// SPDX-License-Identifier: Apache-2.0
// Changing the mapping of one page of the caller's own address space.
import Domains
import Frames
import Machine
import XenABI

extension Hypercall {
  /// `update_va_mapping`: address, new level-1 entry, how to flush (UVMF_*).
  ///
  /// - Throws: `invalid` for a bad entry, or an address without a page table.
  @inline(__always)
  mutating func updateVAMapping() throws(XenError) -> HypercallOutcome {
    try updateVAMapping(domain.entryRules())
  }

  /// `update_va_mapping_otherdomain`: as the other, with the domain whose frame is mapped in the fourth argument.
  mutating func updateVAMappingOtherDomain() throws(XenError) -> HypercallOutcome {
    let target = try pageTableTarget(arguments[3] & 0xffff)
    return try updateVAMapping(target.rules)
  }

  private mutating func updateVAMapping(_ rules: EntryRules) throws(XenError) -> HypercallOutcome {
    let linear = address(0)
    let value = arguments[1]
    let flags = arguments[2]
    guard !linear.isHypervisor, linear.isCanonical, let place = GuestTables.level1Entry(vcpu, linear) else {
      throw .invalid
    }
    try domain.changingTables(by: rules) { session throws(XenError) in
      try ledger[].updateEntry(EntryChange(place.table, place.index, to: value), &session)
    }
    if flags & MappingFlush.kind != 0 { try flush(linear, flags) }
    return .success
  }

  private mutating func flush(_ linear: LinearAddress, _ flags: UInt64) throws(XenError) {
    let bitmap = LinearAddress(flags & ~7)
    if flags & MappingFlush.onAllCPUs == 0 && bitmap.raw == 0 {
      switch flags & MappingFlush.kind {
      case MappingFlush.all: TLB.flushLocal()
      case MappingFlush.onePage: TLB.invalidate(linear)
      default: throw .notImplemented
      }
      return
    }
    TLB.flush(flags & MappingFlush.onAllCPUs != 0 ? allCPUs : try cpus(ofBitmap: bitmap))
  }
}
