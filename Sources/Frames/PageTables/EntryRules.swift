// SPDX-License-Identifier: Apache-2.0
// The rules that the entries of a domain's page tables must obey.
import Machine
import XenABI

/// What the entries of a domain's page tables may point to.
public struct EntryRules: BitwiseCopyable {
  /// Whose tables they are. Lower tables must be theirs too.
  public var tableOwner: DomainID
  /// Whose frames level-1 entries may map: the owner's own, or another domain's that the caller controls.
  public var frameOwner: DomainID
  /// Whether any device memory may be mapped, and cache attributes chosen, for memory too. Without it those device frames may be
  /// that the owner of the tables has been given (`PageTableWork.deviceFrames`), in entries that are not for another domain's
  /// frames; for those frames alone it then chooses attributes.
  public var mayMapDevices: Bool
  /// Bits that must be zero in a present entry: address bits beyond what the CPU has.
  public var reserved: UInt64
  /// The table that holds the hypervisor's own sixteen top-level entries.
  public var hypervisorRoot: MachineFrame

  /// Rules for a domain's own tables and the frames of `frameOwner`.
  public init(
    tableOwner: DomainID, frameOwner: DomainID, mayMapDevices: Bool, physicalBits: UInt8, hypervisorRoot: MachineFrame
  ) {
    self.tableOwner = tableOwner
    self.frameOwner = frameOwner
    self.mayMapDevices = mayMapDevices
    reserved = PTE.frameMask & ~(1 &<< UInt64(physicalBits) &- 1)
    self.hypervisorRoot = hypervisorRoot
  }

  /// Whether device frames that the owner of the tables has been given count.
  @inline(__always)
  var usesOwnDevices: Bool { frameOwner == tableOwner || frameOwner == .io }

  /// Frames of device memory that nobody may map: the local and I/O APICs', set at boot (up to eight).
  @inlinable public func forbidsDevice(_ frame: MachineFrame) -> Bool { DeviceFrames.isForbidden(frame) }
}

/// Device frames that the hypervisor keeps to itself.
public enum DeviceFrames {
  @usableFromInline static func isForbidden(_ frame: MachineFrame) -> Bool {
    Ref<FrameLedger>.shared[].forbiddenDevices.contains(frame.number)
  }
}
