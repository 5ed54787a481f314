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

  /// The machine's memory as the firmware describes it.
  public init(map: E820Map) { self.map = map }
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

  /// How many frames nobody uses, as tools are told: those of the allocator, and those kept for the records of new domains, so
  /// that a domain which has come and gone has cost nothing (`free_pages` of XEN_SYSCTL_physinfo).
  public static var freeFrames: UInt64 { ledger[].freeFrames &+ RecordPool.keptFrames }
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
