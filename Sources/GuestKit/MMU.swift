// SPDX-License-Identifier: Apache-2.0
//
// The three page-table hypercalls: mmu_update, update_va_mapping, mmuext_op.

import CGuestKit

/// One entry of an mmuext_op list (struct mmuext_op: 32-bit command, two words).
public struct ExtendedOperation {
  /// MMUEXT_*.
  public var command: UInt64
  /// arg1: a frame or a linear address.
  public var first: UInt64
  /// arg2: a count, a bitmap pointer or a source frame.
  public var second: UInt64

  /// One operation; what it does not use is 0.
  public init(_ command: Int32, _ first: UInt64 = 0, _ second: UInt64 = 0) {
    self.command = UInt64(command)
    self.first = first
    self.second = second
  }
}

/// Page-table hypercalls.
public enum MMU {
  /// mmu_update with one request.
  public static func update(
    _ machineAddress: UInt64, _ value: UInt64, command: Int32 = MMU_NORMAL_PT_UPDATE, domain: UInt16 = selfDomain
  ) -> Int {
    var request = mmu_update(ptr: machineAddress | UInt64(command), val: value)
    return withAddress(of: &request) { address in
      hypercall(__HYPERVISOR_mmu_update, address, 1, 0, UInt64(domain))
    }
  }

  /// mmu_update at a place.
  public static func update(_ place: EntryPlace, _ value: UInt64, command: Int32 = MMU_NORMAL_PT_UPDATE) -> Int {
    update(place.machineAddress, value, command: command)
  }

  /// mmu_update with a list; also what the done count came out as (0xffffffff when it was not written).
  public static func update(_ requests: [mmu_update]) -> (result: Int, done: UInt32) {
    let list = Pages.take()
    for index in requests.indices {
      Memory.store64(list + UInt64(index) * 16, requests[index].ptr)
      Memory.store64(list + UInt64(index) * 16 + 8, requests[index].val)
    }
    let done = list + 4088
    Memory.store32(done, 0xffff_ffff)
    let result = hypercall(__HYPERVISOR_mmu_update, list, UInt64(requests.count), done, UInt64(selfDomain))
    return (result, Memory.load32(done))
  }

  /// mmuext_op with one operation.
  public static func extended(
    _ command: Int32, _ first: UInt64 = 0, _ second: UInt64 = 0, domain: UInt16 = selfDomain
  ) -> Int {
    var operation = ExtendedOperation(command, first, second)
    return withAddress(of: &operation) { address in
      hypercall(__HYPERVISOR_mmuext_op, address, 1, 0, UInt64(domain))
    }
  }

  /// update_va_mapping.
  public static func map(_ address: UInt64, _ value: UInt64, _ flags: UInt64 = Flush.onePage | Flush.allVCPUs) -> Int {
    hypercall(__HYPERVISOR_update_va_mapping, address, value, flags)
  }

  /// Maps a page of the pool read-only, as a page table must be. Ends the guest when refused.
  public static func protect(_ page: UInt64) {
    if map(page, Frames.machine(page) << 12 | PageEntry.present) != 0 { Runner.fail("mapping a page read-only failed") }
  }

  /// Maps a page of the pool writable again.
  public static func unprotect(_ page: UInt64) -> Int {
    map(page, Frames.machine(page) << 12 | PageEntry.present | PageEntry.writable)
  }

  /// Puts `entry` at a fresh page's place in the initial mapping; returns its address.
  public static func window() -> UInt64 { Pages.take() }
}
