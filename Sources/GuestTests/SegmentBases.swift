// SPDX-License-Identifier: Apache-2.0
//
// set_segment_base, and the same registers by MSR.

import CGuestKit
import GuestKit

/// segment-base: fs and kernel gs bases take effect, non-canonical ones are refused.
func segmentBases() -> Guest {
  Guest("segment-base", "set_segment_base moves fs and gs, by hypercall and by MSR") { () throws(Failure) in
    let page = Pages.take()
    Memory.store64(page + 8, 0xf5f5)
    Memory.store64(page + 264, 0x6565)
    try expect("fs", hypercall(__HYPERVISOR_set_segment_base, UInt64(SEGBASE_FS), page), 0)
    try expect("read at fs:8", gk_fs_load64(8), 0xf5f5)
    try expect("kernel gs", hypercall(__HYPERVISOR_set_segment_base, UInt64(SEGBASE_GS_KERNEL), page + 256), 0)
    try expect("read at gs:8", gk_gs_load64(8), 0x6565)
    try expect("user gs", hypercall(__HYPERVISOR_set_segment_base, UInt64(SEGBASE_GS_USER), page), 0)
    try expect("kernel gs is another", gk_gs_load64(8), 0x6565)
    try expect("user gs selector 0", hypercall(__HYPERVISOR_set_segment_base, UInt64(SEGBASE_GS_USER_SEL), 0), 0)
    for which in [SEGBASE_FS, SEGBASE_GS_KERNEL, SEGBASE_GS_USER] {
      let result = hypercall(__HYPERVISOR_set_segment_base, UInt64(which), 0x8000_0000_0000_0000)
      try expect("non-canonical", result, ErrorCode.invalid)
    }
    try expect("unknown register", hypercall(__HYPERVISOR_set_segment_base, 9, 0), ErrorCode.invalid)
    // MSR_FS_BASE by wrmsr and rdmsr
    let write = attempt(
      [0x0f, 0x30], rax: (page + 256) & 0xffff_ffff, rcx: 0xc000_0100, rdx: (page + 256) >> 32)
    try expectNoFault("wrmsr FS_BASE", write)
    try expect("read at fs:8", gk_fs_load64(8), 0x6565)
    let read = attempt([0x0f, 0x32], rcx: 0xc000_0100)
    try expectNoFault("rdmsr FS_BASE", read)
    try expect("value", read.registers.rax & 0xffff_ffff | read.registers.rdx << 32, page + 256)
    let bad = attempt([0x0f, 0x30], rax: 0, rcx: 0xc000_0100, rdx: 0x8000_0000)
    try expectFault("wrmsr of a non-canonical base", bad, Vector.generalProtection)
  }
}
