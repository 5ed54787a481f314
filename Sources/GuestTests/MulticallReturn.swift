// SPDX-License-Identifier: Apache-2.0
//
// The iret hypercall as an entry of a multicall: it ends the list, and the guest goes on where its frame says.

import CGuestKit
import GuestKit

private var seen = TrapFrame()

/// multicall-iret: a list with an iret in the middle.
func multicallReturn() -> Guest {
  Guest("multicall-iret", "an iret in a multicall ends the list and goes where its frame says") { () throws(Failure) in
    let list = Request()
    for (index, operation) in [__HYPERVISOR_xen_version, __HYPERVISOR_iret, __HYPERVISOR_xen_version].enumerated() {
      list.set64(UInt64(index) * 64, UInt64(operation))
      list.set64(UInt64(index) * 64 + 8, 0x7777)
    }
    // On the stack of the vCPU, far below where it is used: the frame, and below that the stack that it leads to.
    let frame = gk_address_stacks() + 8192
    let target: UInt64 = 40
    let words: [UInt64] = [
      0x1111, 0x2222, 0x3333, 0, attemptPage + target, UInt64(FLAT_RING3_CS64 & ~3), 0x203, frame - 512,
      UInt64(FLAT_RING3_SS64),
    ]
    for index in words.indices { Memory.store64(frame + UInt64(index) * 8, words[index]) }
    attemptHandler = { frame in
      seen = frame
      return false
    }
    // mov rsp, rdi; mov rdi, rdx; mov esi, 3; mov eax, 13; syscall; int3; and at `target` ud2
    var code: [UInt8] = [
      0x48, 0x89, 0xfc, 0x48, 0x89, 0xd7, 0xbe, 3, 0, 0, 0, 0xb8, UInt8(__HYPERVISOR_multicall), 0, 0, 0, 0x0f, 0x05,
    ]
    while code.count < Int(target) { code.append(0xcc) }
    code += [0x0f, 0x0b]
    try expectFault("multicall", attempt(code, rdx: list.address, rdi: frame), Vector.invalidOpcode, offset: target)
    attemptHandler = nil
    try expect("rax", seen.rax, 0x1111)
    try expect("rcx", seen.rcx, 0x3333)
    try expect("r11", seen.r11, 0x2222)
    try expect("flags", seen.rflags & 0xff, 3)
    try expect("stack", seen.rsp, frame - 512)
    try expect("the entry before it", list.get64(8), 4 << 16 | 17)
    try expect("the entry behind it", list.get64(128 + 8), 0x7777)
  }
}
