// SPDX-License-Identifier: Apache-2.0
//
// Grants of a domain to itself: map, use, unmap; the status bits in the entry; what is refused.

import CGuestKit
import GuestKit

/// grant-map: version 1 entries, read-write and read-only mappings.
func grants() -> Guest {
  Guest("grant-map", "own grants can be mapped, used and unmapped; wrong ones are refused") { () throws(Failure) in
    let size = Request()
    size.set16(0, selfDomain)
    try expect("query_size", GrantTable.operate(GNTTABOP_query_size, size), 0)
    try expect("its status", Int16(bitPattern: size.get16(12)), GrantStatus.okay)
    try require("room for frames", size.get32(8) >= 1)

    let table = try GrantTable.setUp()
    let page = Pages.take()
    Memory.store64(page, 0x6172)
    GrantTable.grant(table, 20, frame: Frames.machine(page))
    let window = Pages.take()
    let old = EntryPlace.find(window).value
    try expect("free the window", MMU.map(window, 0), 0)
    let mapped = GrantTable.map(20, at: window)
    try expect("map", mapped.result, 0)
    try expect("its status", mapped.status, GrantStatus.okay)
    try expect("read through it", Memory.load64(window), 0x6172)
    try expectNoFault("write through it", attemptStore(window + 8, 0x77))
    try expect("seen in the page", Memory.load64(page + 8), 0x77)
    try expect("entry says reading and writing", Memory.load16(table + 160) & 0x18, 0x18)
    try expect("unmap", GrantTable.unmap(mapped.handle, at: window), GrantStatus.okay)
    try expectFault("read after unmap", attemptLoad(window), Vector.pageFault, error: 0)
    try expect("entry says neither", Memory.load16(table + 160) & 0x18, 0)
    try require("unmap again", GrantTable.unmap(mapped.handle, at: window) != GrantStatus.okay)

    GrantTable.grant(table, 21, frame: Frames.machine(page), readOnly: true)
    try require("read-only grant mapped writable", GrantTable.map(21, at: window).status != GrantStatus.okay)
    let only = GrantTable.map(21, at: window, readOnly: true)
    try expect("read-only grant mapped read-only", only.status, GrantStatus.okay)
    try expectFault("write through it", attemptStore(window, 1), Vector.pageFault, error: 3)
    try expect("entry says reading", Memory.load16(table + 168) & 0x18, 0x08)
    try expect("unmap", GrantTable.unmap(only.handle, at: window), GrantStatus.okay)

    try require("an empty entry", GrantTable.map(30, at: window).status != GrantStatus.okay)
    try expect("a reference beyond the table", GrantTable.map(0x100000, at: window).status, GrantStatus.badReference)
    try expect("a domain that does not exist", GrantTable.map(20, at: window, domain: 77).status, GrantStatus.badDomain)
    GrantTable.grant(table, 22, frame: Frames.machine(page), domain: 77)
    try require("a grant to another domain", GrantTable.map(22, at: window).status != GrantStatus.okay)
    GrantTable.grant(table, 23, frame: 0xffff_fff0)
    try require("a frame that does not exist", GrantTable.map(23, at: window).status != GrantStatus.okay)
    GrantTable.grant(table, 24, frame: Frames.machine(StartInfo.pageTableBase))
    try require("a page table writable", GrantTable.map(24, at: window).status != GrantStatus.okay)
    try require("at a hypervisor address", GrantTable.map(20, at: 0xffff_8300_0000_0000).status != GrantStatus.okay)
    try expect("an unknown handle", GrantTable.unmap(0x12345, at: window), GrantStatus.badHandle)
    try expect("the window back", MMU.map(window, old), 0)
  }
}
