// SPDX-License-Identifier: Apache-2.0
// What is known of the machine's memory besides who owns which frame: the firmware's map, and what has been promised.
import Frames
import Machine
import XenABI

/// The machine's memory. Boot fills in the map and publishes the record before Domain 0 runs.
public struct MachineMemory: ~Copyable, Anchored {
  /// The record's own slot.
  public static var anchorSlot: AnchorSlot { .machineMemory }

  /// The firmware's memory map, for Domain 0 (XENMEM_machine_memory_map). Fixed once published.
  public let map: E820Map
  /// What has been promised to domains and is not theirs yet.
  var claims = Lock<MemoryClaims>(.domainFrames, MemoryClaims())

  /// Free frames that no domain gets for its reservation: they are for what the hypervisor takes when a guest asks it for more
  /// ports, grants, or event queues, so that a guest can come up while another one's balloon takes all it can get (rule C2).
  public var reserve: UInt64

  /// The machine's memory as the firmware describes it, of which so many frames are kept in reserve.
  public init(map: E820Map, reserve: UInt64 = 0) {
    self.map = map
    self.reserve = reserve
  }

  /// The reserve of a machine with so many frames: a thousandth of them (some eight for each domain that it may have), but 64 at
  /// least.
  public static func reserve(of frames: UInt64) -> UInt64 { max(64, frames / 1024) }
}

extension MachineMemory {
  /// How many frames of RAM the machine has, the hypervisor's own among them, by the firmware's map (`total_pages` of
  /// XEN_SYSCTL_physinfo).
  public static var totalFrames: UInt64 {
    guard Ref<MachineMemory>.isPublished else { return 0 }
    var frames: UInt64 = 0
    for index in 0..<Ref<MachineMemory>.shared[].map.count {
      let entry = Ref<MachineMemory>.shared[].map[index]
      guard entry.kind == 1 else { continue }
      let start = (entry.start &+ 4095) &>> 12
      let end = (entry.start &+ entry.size) &>> 12
      if end > start { frames &+= end &- start }
    }
    return frames
  }

  /// How many frames nobody uses, as tools are told: those of the allocator but for the reserve, and those kept for the records of
  /// new domains, so that a domain which has come and gone has cost nothing (`free_pages` of XEN_SYSCTL_physinfo).
  public static var freeFrames: UInt64 {
    let reserve = Ref<MachineMemory>.isPublished ? Ref<MachineMemory>.shared[].reserve : 0
    let free = ledger[].freeFrames &+ RecordPool.keptFrames
    return free > reserve ? free &- reserve : 0
  }
}

extension MachineMemory {
  /// Whether the firmware's map has a frame as RAM.
  public static func isRAM(_ frame: MachineFrame) -> Bool {
    guard Ref<MachineMemory>.isPublished else { return false }
    let start = frame.physical
    for index in 0..<Ref<MachineMemory>.shared[].map.count {
      let entry = Ref<MachineMemory>.shared[].map[index]
      let (end, wraps) = entry.start.addingReportingOverflow(entry.size)
      if entry.kind == 1, start >= entry.start, wraps || start &+ 4096 <= end { return true }
    }
    return false
  }
}
