// SPDX-License-Identifier: Apache-2.0
//
// Several hypercalls in one; each result goes to its own entry.

import CGuestKit
import GuestKit

/// multicall: results, a bad entry in the middle, a nested multicall.
func multicall() -> Guest {
  Guest("multicall", "multicall gives each entry its result, bad ones included") { () throws(Failure) in
    let list = Request()
    func entry(_ index: UInt64, _ operation: Int32, _ arguments: [UInt64]) {
      list.set64(index * 64, UInt64(operation))
      list.set64(index * 64 + 8, 0x7777)
      for position in arguments.indices { list.set64(index * 64 + 16 + UInt64(position) * 8, arguments[position]) }
    }
    let window = Pages.take()
    let page = Pages.take()
    Memory.store64(page, 0x600d)
    entry(0, __HYPERVISOR_xen_version, [UInt64(XENVER_version)])
    entry(1, 63, [])
    entry(2, __HYPERVISOR_update_va_mapping, [window, Frames.machine(page) << 12 | 3, Flush.onePage])
    entry(3, __HYPERVISOR_xen_version, [1, 0x1000])
    entry(4, __HYPERVISOR_xen_version, [UInt64(XENVER_pagesize)])
    try expect("multicall", hypercall(__HYPERVISOR_multicall, list.address, 5), 0)
    func result(_ index: UInt64) -> Int { Int(Int64(bitPattern: list.get64(index * 64 + 8))) }
    try expect("version", result(0), 4 << 16 | 17)
    try expect("unknown hypercall", result(1), ErrorCode.noSystemCall)
    try expect("update_va_mapping", result(2), 0)
    try expect("its effect", Memory.load64(window), 0x600d)
    try expect("bad pointer", result(3), ErrorCode.badAddress)
    try expect("page size", result(4), 4096)
    try expect("no entries", hypercall(__HYPERVISOR_multicall, list.address, 0), 0)
    try expect("list that is not there", hypercall(__HYPERVISOR_multicall, 0x1000, 1), ErrorCode.badAddress)

    let inner = Request()
    inner.set64(0, UInt64(__HYPERVISOR_xen_version))
    entry(0, __HYPERVISOR_multicall, [inner.address, 1])
    let nested = hypercall(__HYPERVISOR_multicall, list.address, 1)
    note("nested multicall returns", nested)
    note("its entry holds", result(0))
    try require("a nested multicall is refused", nested < 0 || result(0) < 0)
  }
}
