// SPDX-License-Identifier: Apache-2.0
//
// MMUEXT_SET_LDT: a table in guest memory, faulted in by use.

import CGuestKit
import GuestKit

/// ldt: selectors of the local table work, and stop working without it.
func localDescriptors() -> Guest {
  Guest("ldt", "an LDT can be set, used and taken away") { () throws(Failure) in
    let page = Pages.take()
    Memory.store64(page + 8, Descriptor.data)
    MMU.protect(page)
    try require("no table yet", gk_segment_limit(0x0f) == ~0)
    try expect("set_ldt", MMU.extended(MMUEXT_SET_LDT, page, 512), 0)
    try expectNoFault("load fs", attempt([0x8e, 0xe0], rax: 0x0f))
    try expect("limit of selector 0x0f", gk_segment_limit(0x0f), 0x1234)
    try expect("mapping it writable", MMU.unprotect(page), ErrorCode.busy)
    try expectFault("an empty descriptor", attempt([0x8e, 0xe0], rax: 0x17), Vector.generalProtection, error: 0x14)
    try expect("unaligned", MMU.extended(MMUEXT_SET_LDT, page + 8, 512), ErrorCode.invalid)
    try expect("too many entries", MMU.extended(MMUEXT_SET_LDT, page, 8193), ErrorCode.invalid)
    try expect(
      "in the hypervisor", MMU.extended(MMUEXT_SET_LDT, 0xffff_8300_0000_0000, 512), ErrorCode.invalid)
    _ = attempt([0x8e, 0xe0], rax: 0)
    try expect("no table", MMU.extended(MMUEXT_SET_LDT, 0, 0), 0)
    let gone = attempt([0x8e, 0xe0], rax: 0x0f)
    try expectFault("its selector", gone, Vector.generalProtection, error: 0x0c)
    try expect("writable again", MMU.unprotect(page), 0)
  }
}
