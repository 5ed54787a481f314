// SPDX-License-Identifier: Apache-2.0
// A vCPU's `struct vcpu_info` (xen/xen.h): the few bytes in which guest and hypervisor tell each other of events.
import Machine
import XenABI

/// Where a `vcpu_info` stands: a frame of the guest's or the shared page, and the offset in it.
public struct VCPUInfoPlace: BitwiseCopyable {
  public let frame: MachineFrame
  public let offset: Int

  /// A place; the structure must not cross the frame's end.
  public init(frame: MachineFrame, offset: Int) {
    precondition(offset >= 0 && offset <= 4096 &- SharedInfoLayout.vcpuInfoSize && offset & 7 == 0)
    self.frame = frame
    self.offset = offset
  }

  /// Whether the guest has events masked (evtchn_upcall_mask).
  @inlinable @inline(__always)
  public var isMasked: Bool {
    get { PhysicalWindow.load8(frame, byte: offset &+ VCPUInfoLayout.upcallMask) != 0 }
    nonmutating set { PhysicalWindow.store8(frame, byte: offset &+ VCPUInfoLayout.upcallMask, newValue ? 1 : 0) }
  }

  /// Whether an upcall waits (evtchn_upcall_pending).
  @inlinable @inline(__always)
  public var isPending: Bool {
    PhysicalWindow.load8(frame, byte: offset &+ VCPUInfoLayout.upcallPending) != 0
  }

  /// Marks an upcall as pending; gives whether one was already.
  @inlinable public func setPending() -> Bool {
    PhysicalWindow.exchange8(frame, byte: offset &+ VCPUInfoLayout.upcallPending, 1) != 0
  }

  /// Sets a bit of the selector word (evtchn_pending_sel); gives whether it was set already.
  @inlinable public func setSelector(_ bit: Int) -> Bool {
    PhysicalWindow.fetchOr(frame, word: (offset &+ VCPUInfoLayout.pendingSelector) &>> 3, 1 &<< UInt64(bit & 63))
      &>> UInt64(bit & 63) & 1 != 0
  }

  /// The faulting address of the last page fault, for the guest to read (arch.cr2).
  @inlinable public func setCR2(_ address: UInt64) {
    PhysicalWindow.store(frame, word: (offset &+ VCPUInfoLayout.cr2) &>> 3, address)
  }
}
