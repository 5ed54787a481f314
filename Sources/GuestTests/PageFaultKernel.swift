// SPDX-License-Identifier: Apache-2.0
//
// Page faults of the guest's kernel: CR2 in vcpu_info, and an error code without the user bit, although the guest's
// kernel runs in ring 3.

import CGuestKit
import GuestKit

/// page-fault-kernel: read, write, execute; absent and present.
func pageFaultKernel() -> Guest {
  Guest("page-fault-kernel", "kernel page faults have CR2 in vcpu_info and the right error code") {
    () throws(Failure) in
    let absent: UInt64 = 0x1234_5678
    let read = attemptLoad(absent)
    try expectFault("read of an absent page", read, Vector.pageFault, error: 0)
    try expect("cr2", read.fault?.address ?? 0, absent)
    let write = attemptStore(absent + 8, 1)
    try expectFault("write to an absent page", write, Vector.pageFault, error: 2)
    try expect("cr2", write.fault?.address ?? 0, absent + 8)

    let page = Pages.take()
    MMU.protect(page)
    try expectNoFault("read of a read-only page", attemptLoad(page))
    let denied = attemptStore(page + 16, 1)
    try expectFault("write to a read-only page", denied, Vector.pageFault, error: 3)
    try expect("cr2", denied.fault?.address ?? 0, page + 16)

    // A page that holds `ret`, first executable, then not, then absent.
    let code = Pages.take()
    Memory.store8(code, 0xc3)
    let entry = Frames.machine(code) << 12 | PageEntry.present
    try expectNoFault("call of an executable page", attemptCall(code))
    try expect("map without execute", MMU.map(code, entry | PageEntry.noExecute), 0)
    let execute = attemptCall(code)
    try expect("execute denied: vector", execute.fault?.vector ?? 0xff, Vector.pageFault)
    try expect("execute denied: error code", execute.fault?.error ?? 0, 0x11)
    try expect("execute denied: cr2", execute.fault?.address ?? 0, code)
    try expect("unmap", MMU.map(code, 0), 0)
    let gone = attemptCall(code)
    try expect("execute absent: vector", gone.fault?.vector ?? 0xff, Vector.pageFault)
    try expect("execute absent: error code", gone.fault?.error ?? 0, 0x10)
  }
}
