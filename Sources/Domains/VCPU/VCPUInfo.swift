// SPDX-License-Identifier: Apache-2.0
// A vCPU's `struct vcpu_info` (xen/xen.h): the few bytes in which guest and hypervisor tell each other of events.
import Machine
import XenABI

/// Where a `vcpu_info` stands: in a frame of the guest's or the shared page. One word, so that other CPUs can read it while it
/// changes.
public struct VCPUInfoPlace: BitwiseCopyable {
  let block: WindowBlock

  /// A place; the structure must not cross the frame's end.
  public init(frame: MachineFrame, offset: Int) {
    precondition(SharedInfoLayout.vcpuInfoSize == WindowBlock.size)
    block = WindowBlock(frame: frame, offset: offset)
  }

  /// The frame that it is in.
  public var frame: MachineFrame { block.frame }
  /// Its offset in the frame, in bytes.
  public var offset: Int { block.offset }

  /// Whether the guest has events masked (evtchn_upcall_mask).
  @inline(__always)
  public var isMasked: Bool {
    get { block.load8(VCPUInfoLayout.upcallMask) != 0 }
    nonmutating set { block.store8(VCPUInfoLayout.upcallMask, newValue ? 1 : 0) }
  }

  /// Whether an upcall waits (evtchn_upcall_pending).
  @inline(__always)
  public var isPending: Bool { block.load8(VCPUInfoLayout.upcallPending) != 0 }

  /// Marks an upcall as pending; gives whether one was already.
  @inline(__always)
  public func setPending() -> Bool { block.exchange8(VCPUInfoLayout.upcallPending, 1) != 0 }

  /// Sets a bit of the selector word (evtchn_pending_sel); gives whether it was set already.
  @inline(__always)
  public func setSelector(_ bit: Int) -> Bool {
    let bits = UInt64(1) &<< UInt64(truncatingIfNeeded: bit & 63)
    return block.fetchOr(VCPUInfoLayout.pendingSelector, bits) & bits != 0
  }

  /// The faulting address of the last page fault, for the guest to read (arch.cr2).
  @inline(__always)
  public var cr2: UInt64 {
    get { block.load(VCPUInfoLayout.cr2) }
    nonmutating set { block.store(VCPUInfoLayout.cr2, newValue) }
  }
}
