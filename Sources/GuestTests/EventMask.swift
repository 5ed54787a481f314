// SPDX-License-Identifier: Apache-2.0
//
// A masked port collects; unmasking it by hypercall delivers what waited; the vCPU's own mask does the same for all.

import CGuestKit
import GuestKit

/// event-mask: pending while masked, redelivered by unmask, merged to one.
func eventMask() -> Guest {
  Guest("event-mask", "masked events wait and are delivered on unmask, merged") { () throws(Failure) in
    let loop = try Events.loop()
    Events.clearPending(loop.listener)
    Events.mask(loop.listener)
    Events.enable()
    Events.resetCounts()
    for _ in 0..<3 { try expect("send", Events.send(loop.connected), 0) }
    try expect("no delivery while masked", Events.count(loop.listener), 0)
    try require("pending", Events.isPending(loop.listener))
    try expect("unmask", Events.unmaskByHypercall(loop.listener), 0)
    try expect("delivered once", Events.count(loop.listener), 1)
    try require("mask bit is clear", Memory.load64(SharedInfo.mask) >> UInt64(loop.listener) & 1 == 0)
    try expect("unmask with nothing pending", Events.unmaskByHypercall(loop.listener), 0)
    try expect("nothing more", Events.count(loop.listener), 1)
    Events.disable()
    try expect("send", Events.send(loop.connected), 0)
    try require("upcall is pending", Memory.load8(SharedInfo.vcpu(0)) != 0)
    try expect("selector names the word", Memory.load64(SharedInfo.vcpu(0) + 8), 1 << UInt64(loop.listener / 64))
    try expect("still one", Events.count(loop.listener), 1)
    Events.enable()
    try expect("two", Events.count(loop.listener), 2)
    try expect("unmask of an impossible port", Events.unmaskByHypercall(0xffff_0000), ErrorCode.invalid)
  }
}
