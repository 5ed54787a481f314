// SPDX-License-Identifier: Apache-2.0
//
// GNTTABOP_copy between own frames and own grants.

import CGuestKit
import GuestKit

/// grant-copy: by reference and by frame, inside a page only.
func grantCopy() -> Guest {
  Guest("grant-copy", "grant copy moves bytes between frames and grants, within a page") { () throws(Failure) in
    let table = try GrantTable.setUp()
    let from = Pages.take()
    let to = Pages.take()
    for index in UInt64(0)..<256 { Memory.store8(from + 100 + index, UInt8(truncatingIfNeeded: index)) }
    GrantTable.grant(table, 20, frame: Frames.machine(from), readOnly: true)
    // struct gnttab_copy: source {u64, u16 domain, u16 offset, pad}, dest likewise, u16 length, flags, status
    func copy(
      _ source: UInt64, _ sourceOffset: UInt16, _ target: UInt64, _ targetOffset: UInt16, _ length: UInt16,
      _ flags: UInt16, domain: UInt16 = GrantTable.ownDomain
    ) -> Int16 {
      let request = Request()
      request.set64(0, source)
      request.set16(8, flags & 1 != 0 ? domain : selfDomain)
      request.set16(10, sourceOffset)
      request.set64(16, target)
      request.set16(24, flags & 2 != 0 ? domain : selfDomain)
      request.set16(26, targetOffset)
      request.set16(32, length)
      request.set16(34, flags)
      let result = GrantTable.operate(GNTTABOP_copy, request)
      return result == 0 ? Int16(bitPattern: request.get16(36)) : -99
    }
    let target = Frames.machine(to)
    try expect("copy from a grant", copy(20, 100, target, 8, 256, 1), GrantStatus.okay)
    for index in UInt64(0)..<256 {
      try expect("byte", Memory.load8(to + 8 + index), UInt8(truncatingIfNeeded: index))
    }
    try expect("nothing before", Memory.load8(to + 7), 0)
    try expect("nothing after", Memory.load8(to + 264), 0)
    try expect("copy from a frame", copy(Frames.machine(from), 100, target, 1000, 4, 0), GrantStatus.okay)
    try expect("copied", Memory.load32(to + 1000), 0x0302_0100)
    try expect("into a read-only grant", copy(Frames.machine(to), 0, 20, 0, 4, 2) == GrantStatus.okay ? 1 : 0, 0)
    try expect("over a page's end", copy(20, 4000, target, 0, 200, 1), GrantStatus.badCopy)
    try require("an empty entry", copy(33, 0, target, 0, 4, 1) != GrantStatus.okay)
    try expect("a domain that does not exist", copy(20, 0, target, 0, 4, 1, domain: 77), GrantStatus.badDomain)
    try require("into a page table", copy(20, 0, Frames.machine(StartInfo.pageTableBase), 0, 4, 1) != GrantStatus.okay)
    try require("into a frame beyond the machine", copy(20, 0, 0xff_ffff_ffff, 0, 4, 1) != GrantStatus.okay)
    try expect("entry is left unused", Memory.load16(table + 160) & 0x18, 0)
  }
}
