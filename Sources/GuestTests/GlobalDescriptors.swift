// SPDX-License-Identifier: Apache-2.0
//
// The guest's own GDT frames: who may be one, and which descriptors may be in them.

import CGuestKit
import GuestKit

/// Descriptors in their 64-bit form.
enum Descriptor {
  /// Data, level 3, byte-granular limit 0x1234.
  static let data: UInt64 = 0x0040_f300_0000_1234
  /// 64-bit code, level 3 and level 0.
  static let code: UInt64 = 0x00af_fb00_0000_ffff
  static let codeLevel0: UInt64 = 0x00af_9b00_0000_ffff
  /// Call gate, task state, local descriptor table, interrupt gate.
  static let callGate: UInt64 = 0x0000_ec00_e033_0000
  static let taskState: UInt64 = 0x0000_8900_0000_0067
  static let localTable: UInt64 = 0x0000_8200_0000_ffff
  static let interruptGate: UInt64 = 0x0000_ee00_e033_0000
}

/// gdt: set_gdt with an own frame, selectors work; foreign and writable frames are refused.
func globalDescriptors() -> Guest {
  Guest("gdt", "set_gdt takes own frames that are not writable, and their selectors work") { () throws(Failure) in
    let page = Pages.take()
    Memory.store64(page + 8, Descriptor.data)
    Memory.store64(page + 16, Descriptor.code)
    let list = Request()
    list.set64(0, Frames.machine(page))
    try require("a writable frame", hypercall(__HYPERVISOR_set_gdt, list.address, 512) < 0)
    MMU.protect(page)
    try expect("a frame of ours", hypercall(__HYPERVISOR_set_gdt, list.address, 512), 0)
    try expect("limit of selector 0x0b", gk_segment_limit(0x0b), 0x1234)
    try expectNoFault("load fs", attempt([0x8e, 0xe0], rax: 0x0b))
    try expect("mapping it writable", MMU.unprotect(page), ErrorCode.busy)
    try expectFault("an empty descriptor", attempt([0x8e, 0xe0], rax: 0x1b), Vector.generalProtection, error: 0x18)

    list.set64(0, ~0)
    try expect("a frame that does not exist", hypercall(__HYPERVISOR_set_gdt, list.address, 512), ErrorCode.invalid)
    try expect("too many entries", hypercall(__HYPERVISOR_set_gdt, list.address, 9000), ErrorCode.invalid)
    list.set64(0, Frames.machine(StartInfo.pageTableBase))
    try expect("a page table", hypercall(__HYPERVISOR_set_gdt, list.address, 512), ErrorCode.invalid)
    try expect("the old table still works", gk_segment_limit(0x0b), 0x1234)

    let bad = Pages.take()
    Memory.store64(bad + 8, Descriptor.taskState)
    MMU.protect(bad)
    list.set64(0, Frames.machine(bad))
    try expect("a frame with a task state", hypercall(__HYPERVISOR_set_gdt, list.address, 512), ErrorCode.invalid)
    _ = attempt([0x8e, 0xe0], rax: 0)
    try expect("no table", hypercall(__HYPERVISOR_set_gdt, 0, 0), 0)
    try expect("writable again", MMU.unprotect(page), 0)
  }
}
