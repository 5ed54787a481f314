// SPDX-License-Identifier: Apache-2.0
// Hypercalls as a simulated guest makes them, in one line each.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

extension SimulatedGuest {
  /// Makes a hypercall of its first vCPU's, to its end: one of __HYPERVISOR_* (xen/xen.h). The result is what the guest finds in
  /// rax.
  @discardableResult
  public func call(_ number: Int32, _ arguments: UInt64...) -> Int64 {
    Simulation.useTables(root: root)
    return machine.call(vcpu, number, arguments)
  }

  /// mmu_update with a list of (pointer, value); the second result is how many it says are done.
  public func update(_ requests: [(UInt64, UInt64)], of foreign: UInt32) -> (Int64, UInt32) {
    for (index, request) in requests.enumerated() {
      set64(0x100 + index * 16, request.0)
      set64(0x108 + index * 16, request.1)
    }
    set32(0, 0xffff)
    let result = call(
      __HYPERVISOR_mmu_update, address(0x100), UInt64(requests.count), address(0), UInt64(foreign))
    return (result, get32(0))
  }

  /// Maps a frame of a domain's in one of the empty places, as privcmd does.
  public func map(_ slot: Int, _ frame: MachineFrame, of owner: UInt16, writable: Bool = true) -> Int64 {
    let entry = frame.physical | PTE.present | PTE.user | (writable ? PTE.writable : 0)
    return update([(slotEntry(slot), entry)], of: UInt32(owner)).0
  }
  /// Unmaps it.
  public func unmap(_ slot: Int) -> Int64 { update([(slotEntry(slot), 0)], of: UInt32(DomainID.current.raw)).0 }

  /// One mmuext_op.
  public func extended(
    _ command: UInt64, _ first: UInt64, _ second: UInt64 = 0, of foreign: UInt32 = UInt32(DomainID.current.raw)
  ) -> Int64 {
    set64(0x100, command)
    set64(0x108, first)
    set64(0x110, second)
    return call(__HYPERVISOR_mmuext_op, address(0x100), 1, 0, UInt64(foreign))
  }

  /// A memory_op about extents listed from offset `list` on.
  public func memory(
    _ command: Int32, _ target: UInt16, count: UInt64, order: UInt32 = 0, flags: UInt32 = 0, list: Int? = 0x1000
  ) -> Int64 {
    set64(0x900, list.map { address($0) } ?? 0)
    set64(0x908, count)
    set32(0x910, order)
    set32(0x914, flags)
    set64(0x918, UInt64(target))
    return call(__HYPERVISOR_memory_op, UInt64(command), address(0x900))
  }

  /// One domctl (at offset 0x800); `body` writes the arguments from the given offset on.
  public func domctl(
    _ command: Int32, _ target: UInt16, version: Int32 = XEN_DOMCTL_INTERFACE_VERSION, body: (Int) -> Void = { _ in }
  ) -> Int64 {
    clear(0x800..<0x890)
    set32(0x800, UInt32(bitPattern: command))
    set32(0x804, UInt32(bitPattern: version))
    set64(0x800 + Int(OFFSET_domctl_domain), UInt64(target))
    body(0x800 + Int(OFFSET_domctl_body))
    return call(__HYPERVISOR_domctl, address(0x800))
  }
}
