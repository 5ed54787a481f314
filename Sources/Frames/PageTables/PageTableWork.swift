// SPDX-License-Identifier: Apache-2.0
// What a domain's page-table lock protects besides the tables themselves, and the rules that its entries must obey.
import Machine
import XenABI

/// Tables that have lost their last use and still have to be taken apart, entry by entry.
///
/// Named rule T1: no entry is validated while the domain's queue holds a table. Every operation on page tables drains the queue
/// first, and a vCPU does not return to its guest while its domain's queue holds any.
public struct PageTableWork: ~Copyable {
  /// The first table of the queue; the ledger's link words lead to the others.
  var first: MachineFrame = .invalid
  /// Device frames that the domain may map although it is not one that may use hardware (XEN_DOMCTL_iomem_permission).
  public var deviceFrames = NumberRanges()

  /// An empty queue.
  public init() {}

  /// Whether nothing waits to be taken apart.
  public var isEmpty: Bool { first == .invalid }
}

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

/// A small set of frame numbers.
public struct SmallFrameSet: BitwiseCopyable {
  var numbers = InlineArray<12, UInt64>(repeating: UInt64.max)

  /// The empty set.
  public init() {}

  /// Adds a frame; false when the set is full.
  public mutating func insert(_ number: UInt64) -> Bool {
    for index in numbers.indices where numbers[index] == UInt64.max || numbers[index] == number {
      numbers[index] = number
      return true
    }
    return false
  }

  /// Whether a frame from `first` to `last` is in the set.
  public func touches(_ first: UInt64, through last: UInt64) -> Bool {
    for index in numbers.indices where numbers[index] >= first && numbers[index] <= last { return true }
    return false
  }

  /// Whether the frame is in the set.
  public func contains(_ number: UInt64) -> Bool {
    for index in numbers.indices where numbers[index] == number { return true }
    return false
  }
}

/// Bits of entries that mean something to the hypervisor beyond what the CPU makes of them.
extension PTE {
  /// A level-1 entry made by a grant mapping: the mapping holds the references, the entry none. One of the protection-key
  /// bits, which guests cannot use; they find it cleared in what they write themselves.
  public static let grantMapping: UInt64 = 1 &<< 62
  /// Bits that choose caching in a level-1 entry.
  public static let cacheAttributes: UInt64 = writeThrough | cacheDisable | large
}
