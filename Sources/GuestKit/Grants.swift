// SPDX-License-Identifier: Apache-2.0
//
// The grant table of this domain: set up, entries of version 1, and the operations on grants to oneself.

import CGuestKit

/// Grant status values (GNTST_*).
public enum GrantStatus {
  /// GNTST_okay.
  public static let okay: Int16 = 0
  /// GNTST_general_error.
  public static let generalError: Int16 = -1
  /// GNTST_bad_domain.
  public static let badDomain: Int16 = -2
  /// GNTST_bad_gntref.
  public static let badReference: Int16 = -3
  /// GNTST_bad_handle.
  public static let badHandle: Int16 = -4
  /// GNTST_bad_virt_addr.
  public static let badAddress: Int16 = -5
  /// GNTST_permission_denied.
  public static let permissionDenied: Int16 = -8
  /// GNTST_bad_page.
  public static let badPage: Int16 = -9
  /// GNTST_bad_copy_arg.
  public static let badCopy: Int16 = -10
}

/// The first frame of the shared grant table, mapped by `GrantTable.setUp`.
public enum GrantTable {
  /// GTF_permit_access and its flags.
  public static let permitAccess: UInt16 = 1
  /// GTF_readonly.
  public static let readOnly: UInt16 = 4
  /// GTF_reading: somebody has it mapped.
  public static let reading: UInt16 = 8
  /// GTF_writing: somebody has it mapped writable.
  public static let writing: UInt16 = 16

  /// The domain's own ID as grants name it.
  public static var ownDomain: UInt16 { OwnDomain.identifier }

  /// GNTTABOP_setup_table for `count` frames; the first is mapped at the returned address.
  public static func setUp(_ count: UInt32 = 1) throws(Failure) -> UInt64 {
    let list = Pages.take()
    let request = Request()
    request.set16(0, selfDomain)
    request.set32(4, count)
    request.set64(16, list)
    try expect("setup_table", operate(GNTTABOP_setup_table, request), 0)
    try expect("setup_table status", Int16(bitPattern: request.get16(8)), GrantStatus.okay)
    let table = Pages.take()
    try expect("map the grant table", MMU.map(table, Memory.load64(list) << 12 | 3), 0)
    return table
  }

  /// One grant table operation (struct gnttab_*).
  public static func operate(_ command: Int32, _ request: Request, count: UInt64 = 1) -> Int {
    hypercall(__HYPERVISOR_grant_table_op, UInt64(command), request.address, count)
  }

  /// Writes a version 1 entry; the flags last, as the ABI wants.
  public static func grant(
    _ table: UInt64, _ reference: UInt32, frame: UInt64, domain: UInt16 = ownDomain, readOnly only: Bool = false
  ) {
    let entry = table + UInt64(reference) * 8
    Memory.store32(entry + 4, UInt32(truncatingIfNeeded: frame))
    Memory.store16(entry + 2, domain)
    gk_barrier()
    Memory.store16(entry, permitAccess | (only ? readOnly : 0))
  }

  /// GNTTABOP_map_grant_ref at a virtual address: (status, handle).
  public static func map(
    _ reference: UInt32, at address: UInt64, readOnly: Bool = false, domain: UInt16 = ownDomain, flags: UInt32 = 2
  ) -> (result: Int, status: Int16, handle: UInt32) {
    let request = Request()
    request.set64(0, address)
    request.set32(8, flags | (readOnly ? 4 : 0))
    request.set32(12, reference)
    request.set16(16, domain)
    let result = operate(GNTTABOP_map_grant_ref, request)
    return (result, Int16(bitPattern: request.get16(18)), request.get32(20))
  }

  /// GNTTABOP_unmap_grant_ref: status.
  public static func unmap(_ handle: UInt32, at address: UInt64) -> Int16 {
    let request = Request()
    request.set64(0, address)
    request.set32(16, handle)
    if operate(GNTTABOP_unmap_grant_ref, request) != 0 { return -99 }
    return Int16(bitPattern: request.get16(20))
  }
}
