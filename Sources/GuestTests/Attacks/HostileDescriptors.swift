// SPDX-License-Identifier: Apache-2.0
//
// Descriptor tables: every type of descriptor by every way, tables in foreign and writable frames, segments with hostile
// bases.

import CGuestKit
import GuestKit

/// Whether a stored descriptor is one that ring 3 must not have: a gate or system segment it may use, or code and data of a
/// more privileged level.
private func isDangerous(_ descriptor: UInt64) -> Bool {
  if descriptor >> 47 & 1 == 0 { return false }
  let level = descriptor >> 45 & 3
  // A system descriptor of level 0 is out of reach; any code or data segment must be level 3.
  return descriptor >> 44 & 1 == 0 ? level != 0 : level != 3
}

/// attack-descriptors: all 256 access bytes with hostile limits and bases, by update_descriptor and in a fresh table.
func descriptorTricks() -> Guest {
  attack("attack-descriptors", "no gate, no system segment and no level 0 segment comes into a table") {
    () throws(Failure) in
    let page = Pages.take()
    MMU.protect(page)
    let list = Request(words: [Frames.machine(page)])
    try expect("set_gdt", hypercall(__HYPERVISOR_set_gdt, list.address, 512), 0)
    let machine = Frames.machine(page) << 12
    for access in UInt64(0)..<256 {
      for rest: UInt64 in [0x00af_0000_0000_ffff, 0x00cf_0000_0000_ffff, 0xff60_00ff_ffff_ffff, 0x0000_0000_e033_0000] {
        let descriptor = rest & ~(0xff << 40) | access << 40
        let result = hypercall(__HYPERVISOR_update_descriptor, machine + 8, descriptor)
        let stored = Memory.load64(page + 8)
        if isDangerous(stored) { breach("a dangerous descriptor", stored) }
        // Through it, wherever it leads: loads, far calls and jumps.
        if result == 0 && stored != 0 && access & 15 != 0 {
          _ = attempt([0x8e, 0xe0], rax: 0x0b)
          _ = attempt([0x0f, 0x02, 0xc8], rax: 0x0b)
          let pointer = list.address + 64
          Memory.store64(pointer, 0xffff_8300_0000_0000)
          Memory.store16(pointer + 8, 0x0b)
          // But not into 32-bit code, where our stack pointer would lose its upper half: that ends only us.
          let is32Bit = stored >> 43 & 3 == 3 && stored >> 53 & 1 == 0
          if !is32Bit { _ = attempt([0x48, 0xff, 0x1f], rdi: pointer) }
          _ = attempt([0x8e, 0xe0], rax: 0)
        }
        _ = hypercall(__HYPERVISOR_update_descriptor, machine + 8, 0)
      }
    }
    // In the table before anybody has looked.
    for access: UInt64 in [0x89, 0xe9, 0x8b, 0x82, 0xe2, 0x8c, 0xec, 0x8e, 0xee, 0x8f, 0xef] {
      let bad = Pages.take()
      Memory.store64(bad + 8, 0x0000_0000_e033_0000 | access << 40)
      MMU.protect(bad)
      list.set64(0, Frames.machine(bad))
      if hypercall(__HYPERVISOR_set_gdt, list.address, 512) == 0 && isDangerous(Memory.load64(bad + 8)) {
        breach("a table with a dangerous descriptor", access)
      }
    }
    for frame in foreignFrames() {
      for index: UInt64 in [0, 8, 4088] {
        refused("a foreign descriptor", hypercall(__HYPERVISOR_update_descriptor, frame << 12 | index, 0), frame)
      }
    }
  }
}

/// attack-gdt-frames: tables of foreign, writable, doubled frames, of every length.
func globalTableFrames() -> Guest {
  attack("attack-gdt-frames", "descriptor tables in frames that are not fit are refused") { () throws(Failure) in
    let list = Request()
    var bad = foreignFrames()
    let writable = Pages.take()
    bad += [Frames.machine(writable), Frames.machine(StartInfo.pageTableBase), StartInfo.sharedInfo >> 12]
    let good = Pages.take()
    MMU.protect(good)
    for frame in bad {
      list.set64(0, frame)
      refused("the first frame", hypercall(__HYPERVISOR_set_gdt, list.address, 512), frame)
      list.set64(0, Frames.machine(good))
      list.set64(8, frame)
      refused("the second frame", hypercall(__HYPERVISOR_set_gdt, list.address, 1024), frame)
    }
    for index in UInt64(0)..<32 { list.set64(index * 8, Frames.machine(good)) }
    for count in hostileWords where count > 8192 {
      _ = hypercall(__HYPERVISOR_set_gdt, list.address, count)
    }
    try expect("a good one, many times over", hypercall(__HYPERVISOR_set_gdt, list.address, 14 * 512), 0)
    refused("mapped writable in use", MMU.unprotect(good))
    refused("pinned in use", MMU.extended(MMUEXT_PIN_L1_TABLE, Frames.machine(good)))
    for selector in [UInt64(0xe003), 0xe00b, 0xe02b, 0xe033, 0xffff, 0xfffb, 0x7003, 7, 0xe043, 0xe053] {
      _ = attempt([0x8e, 0xe0], rax: selector)
      _ = attempt([0x8e, 0xd8], rax: selector)
    }
    _ = attempt([0x8e, 0xe0], rax: 0)
    _ = attempt([0x8e, 0xd8], rax: 0)
    try expect("no table", hypercall(__HYPERVISOR_set_gdt, 0, 0), 0)
  }
}

/// attack-ldt: local tables over foreign memory, the hypervisor, nothing; pages changed under them.
func localTables() -> Guest {
  attack("attack-ldt", "local descriptor tables in hostile places show nothing") { () throws(Failure) in
    for address in hostileWords {
      for count: UInt64 in [1, 512, 8192, 8193, 0xffff_ffff] {
        _ = MMU.extended(MMUEXT_SET_LDT, address & ~0xfff, count)
        _ = attempt([0x8e, 0xe0], rax: 7)
        _ = attempt([0x8e, 0xe0], rax: 0xffff)
      }
    }
    let page = Pages.take(2)
    for access: UInt64 in [0x89, 0xec, 0xee, 0x82, 0x9b, 0x93, 0xfb, 0xf3] {
      Memory.store64(page, 0x00af_0000_0000_ffff | access << 40)
      MMU.protect(page)
      try expect("set", MMU.extended(MMUEXT_SET_LDT, page, 512), 0)
      let loaded = attempt([0x8e, 0xe0], rax: 7)
      if loaded.fault == nil && isDangerous(Memory.load64(page)) { breach("a segment of level 0", access) }
      // While it is shown to the processor it is not writable; afterwards it is again.
      if loaded.fault == nil { refused("writable while in use", MMU.unprotect(page)) }
      _ = attempt([0x8e, 0xe0], rax: 0)
      try expect("none", MMU.extended(MMUEXT_SET_LDT, 0, 0), 0)
      try expect("writable again", MMU.unprotect(page), 0)
    }
    // The page goes away under the table.
    MMU.protect(page)
    try expect("set", MMU.extended(MMUEXT_SET_LDT, page, 512), 0)
    _ = MMU.map(page, 0)
    _ = attempt([0x8e, 0xe0], rax: 7)
    _ = MMU.map(page, Victim.frame << 12 | 1)
    _ = attempt([0x8e, 0xe0], rax: 7)
  }
}

/// attack-segments: hostile bases and selectors, over switches of vCPU and returns to user mode.
func segmentTricks() -> Guest {
  attack("attack-segments", "hostile segment bases and selectors end nowhere") { () throws(Failure) in
    for value in hostileWords {
      for which in UInt64(0)..<6 { _ = hypercall(__HYPERVISOR_set_segment_base, which, value) }
      // wrfsbase, wrgsbase, swapgs
      _ = attempt([0xf3, 0x48, 0x0f, 0xae, 0xd0], rax: value)
      _ = attempt([0xf3, 0x48, 0x0f, 0xae, 0xd8], rax: value)
      _ = attempt([0x0f, 0x01, 0xf8])
      _ = attempt([0x8e, 0xe0], rax: value)
      _ = attempt([0x8e, 0xe8], rax: value)
      _ = attempt([0x8e, 0xd8], rax: value)
      _ = attempt([0x8e, 0xc0], rax: value)
      hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
      _ = attempt([0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0])
    }
    for code: [UInt8] in [[0x8e, 0xe0], [0x8e, 0xe8], [0x8e, 0xd8], [0x8e, 0xc0]] { _ = attempt(code, rax: 0) }
    try expect("hypercalls still work", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}
