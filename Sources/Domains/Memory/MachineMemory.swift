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
