// SPDX-License-Identifier: Apache-2.0
//
// update_descriptor: one descriptor at a time, with the same rules.

import CGuestKit
import GuestKit

/// update-descriptor: good ones take effect, gates and system segments are refused, in GDT and in plain pages.
func updateDescriptor() -> Guest {
  Guest("update-descriptor", "good descriptors take effect; gates and system segments are refused") {
    () throws(Failure) in
    let page = Pages.take()
    MMU.protect(page)
    let list = Request(words: [Frames.machine(page)])
    try expect("set_gdt", hypercall(__HYPERVISOR_set_gdt, list.address, 512), 0)
    let machine = Frames.machine(page) << 12
    func update(_ index: UInt64, _ value: UInt64) -> Int {
      hypercall(__HYPERVISOR_update_descriptor, machine + index * 8, value)
    }
    try expect("data", update(1, Descriptor.data), 0)
    try expect("its limit", gk_segment_limit(0x0b), 0x1234)
    try expect("code", update(2, Descriptor.code), 0)
    try expect("reads back", Memory.load64(page + 16), Descriptor.code)
    try expect("empty", update(1, 0), 0)
    try expect("a task state", update(3, Descriptor.taskState), ErrorCode.invalid)
    try expect("a local descriptor table", update(3, Descriptor.localTable), ErrorCode.invalid)
    try expect("an interrupt gate", update(3, Descriptor.interruptGate), ErrorCode.invalid)
    try expect("nothing was written", Memory.load64(page + 24), 0)
    // A level 0 segment is either refused or made a level 3 one; it never exists.
    // A call gate is either refused or stored so that the processor cannot take it.
    note("a call gate", update(5, Descriptor.callGate))
    let gate = Memory.load64(page + 40)
    try require("no gate that ring 3 can take", gate >> 47 & 1 == 0 || gate >> 45 & 3 == 0)
    let level0 = update(4, Descriptor.codeLevel0)
    note("code of level 0", level0)
    let stored = Memory.load64(page + 32)
    try require("no present level 0 segment", stored >> 47 & 1 == 0 || stored >> 45 & 3 == 3)
    try require("frame that does not exist", hypercall(__HYPERVISOR_update_descriptor, 0xf_ffff_ffff_f000, 0) < 0)
    try require("unaligned", hypercall(__HYPERVISOR_update_descriptor, machine + 12, Descriptor.data) < 0)
    let table = Frames.machine(StartInfo.pageTableBase) << 12
    try require("in a page table", hypercall(__HYPERVISOR_update_descriptor, table + 8, Descriptor.data) < 0)
  }
}
