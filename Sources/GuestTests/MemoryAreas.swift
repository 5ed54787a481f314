// SPDX-License-Identifier: Apache-2.0
//
// Areas that the hypervisor keeps up to date in guest memory: runstate, time, and vcpu_info moved.

import CGuestKit
import GuestKit

/// vcpu-areas: registered runstate and time areas are filled; vcpu_info can be moved once.
func memoryAreas() -> Guest {
  Guest("vcpu-areas", "registered runstate and time areas are filled, vcpu_info can be moved") { () throws(Failure) in
    let area = Pages.take()
    var runstate = area
    try expect("runstate area", VCPU.operate(VCPUOP_register_runstate_memory_area, 0, &runstate), 0)
    try require("it is filled", Memory.load64(area + 8) != 0)
    var time = area + 256
    try expect("time area", VCPU.operate(VCPUOP_register_vcpu_time_memory_area, 0, &time), 0)
    try require("its scale is set", Memory.load32(area + 256 + 24) != 0)
    try expect("same scale", Memory.load32(area + 256 + 24), Memory.load32(SharedInfo.vcpu(0) + 32 + 24))

    // A null address ends it.
    var none: UInt64 = 0
    try expect("no runstate area", VCPU.operate(VCPUOP_register_runstate_memory_area, 0, &none), 0)
    try expect("no time area", VCPU.operate(VCPUOP_register_vcpu_time_memory_area, 0, &none), 0)
    for word in UInt64(0)..<64 { Memory.store64(area + word * 8, 0) }
    Request(words: [0, 0, Time.system() + 5_000_000]).call(__HYPERVISOR_sched_op, SCHEDOP_poll)
    Time.spin(5_000_000)
    for word in UInt64(0)..<64 { try expect("nothing is written any more", Memory.load64(area + word * 8), 0) }

    let page = Pages.take()
    var move = vcpu_register_vcpu_info(mfn: Frames.machine(page), offset: 4090, rsvd: 0)
    try expect("over the page's end", VCPU.operate(VCPUOP_register_vcpu_info, 0, &move), ErrorCode.noSuchDevice)
    move.offset = 3
    try expect("unaligned", VCPU.operate(VCPUOP_register_vcpu_info, 0, &move), ErrorCode.noSuchDevice)
    move.offset = 128
    try expect("vcpu_info moved", VCPU.operate(VCPUOP_register_vcpu_info, 0, &move), 0)
    try require("time is kept in it", Memory.load32(page + 128 + 32 + 24) != 0)
    try expect("moved again", VCPU.operate(VCPUOP_register_vcpu_info, 0, &move), ErrorCode.invalid)
    // Events now go to the new place.
    let loop = try Events.loop()
    Events.unmask(loop.listener)
    Memory.store8(page + 128 + 1, 1)
    // Moving it set every selector bit and the pending flag, so that nothing is lost; start from nothing pending.
    Memory.store8(page + 128, 0)
    Memory.store64(page + 128 + 8, 0)
    Events.clearPending(loop.listener)
    try expect("send", Events.send(loop.connected), 0)
    try expect("pending in the moved vcpu_info", Memory.load8(page + 128), 1)
    // cr2 too
    _ = attemptLoad(0x4321_0000)
    try expect("cr2 in the moved vcpu_info", Memory.load64(page + 128 + 16), 0x4321_0000)
  }
}
