// SPDX-License-Identifier: Apache-2.0
//
// Version 2 of the grant table: 16-byte entries, and status words in frames of their own.

import CGuestKit
import GuestKit

/// grant-v2: set_version, get_version, get_status_frames, a mapping seen in the status word.
func grantVersion2() -> Guest {
  Guest("grant-v2", "set_version 2, status frames, and a mapping by a version 2 entry") { () throws(Failure) in
    let version = Request()
    version.set16(0, selfDomain)
    try expect("get_version", GrantTable.operate(GNTTABOP_get_version, version), 0)
    try expect("it is 1", version.get32(4), 1)
    let set = Request()
    set.set32(0, 3)
    try expect("version 3", GrantTable.operate(GNTTABOP_set_version, set), ErrorCode.invalid)
    set.set32(0, 2)
    try expect("version 2", GrantTable.operate(GNTTABOP_set_version, set), 0)
    try expect("get_version", GrantTable.operate(GNTTABOP_get_version, version), 0)
    try expect("it is 2", version.get32(4), 2)

    let table = try GrantTable.setUp()
    let list = Pages.take()
    let status = Request()
    status.set32(0, 1)
    status.set16(4, selfDomain)
    status.set64(8, list)
    try expect("get_status_frames", GrantTable.operate(GNTTABOP_get_status_frames, status), 0)
    try expect("its status", Int16(bitPattern: status.get16(6)), GrantStatus.okay)
    let words = Pages.take()
    try expect("map the status frame", MMU.map(words, Memory.load64(list) << 12 | 3), 0)

    let page = Pages.take()
    Memory.store64(page, 0x7632)
    let entry = table + 20 * 16
    Memory.store64(entry + 8, Frames.machine(page))
    Memory.store16(entry + 2, GrantTable.ownDomain)
    Memory.store16(entry, GrantTable.permitAccess)
    let window = Pages.take()
    try expect("free the window", MMU.map(window, 0), 0)
    let mapped = GrantTable.map(20, at: window)
    try expect("map", mapped.status, GrantStatus.okay)
    try expect("read through it", Memory.load64(window), 0x7632)
    try expect("status word", Memory.load16(words + 40), 0x18)
    try expect("flags are not touched", Memory.load16(entry), GrantTable.permitAccess)
    try expect("unmap", GrantTable.unmap(mapped.handle, at: window), GrantStatus.okay)
    try expect("status word", Memory.load16(words + 40), 0)

    Memory.store16(entry, 0)
    set.set32(0, 1)
    try expect(
      "version 1 while a status frame is mapped", GrantTable.operate(GNTTABOP_set_version, set), ErrorCode.busy)
    try expect("the version in force", set.get32(0), 2)
    try expect("unmap the table's window", MMU.map(table, 0), 0)
    try expect("unmap the status window", MMU.map(words, 0), 0)
    set.set32(0, 1)
    try expect("back to version 1", GrantTable.operate(GNTTABOP_set_version, set), 0)
  }
}
