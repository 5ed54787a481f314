// SPDX-License-Identifier: Apache-2.0
// Which memory boot may use: RAM without what the loader, the image and the modules occupy, and without the first megabyte.
import Images
import Machine

enum MemoryPlan {
  /// The physical address behind what memory has to reach whatever is wished: image, modules, the loader's information.
  static func endOfNeeded(_ information: BootInformation) -> UInt64 {
    var end = ImageLayout.current.frames.end &<< 12
    for index in information.occupied.indices { end = max(end, information.occupied[index].end) }
    for index in information.modules.indices { end = max(end, information.modules[index].range.end) }
    return end
  }

  /// The free memory.
  static func make(_ information: BootInformation, _ map: MemoryMap) -> BootMemory {
    var memory = BootMemory()
    for index in map.entries.indices {
      let entry = map.entries[index]
      guard entry.kind == .usable else { continue }
      let start = max((entry.range.start &+ 4095) &>> 12, 256)
      _ = memory.add(start: start, end: entry.range.end &>> 12)
    }
    let image = ImageLayout.current.frames
    memory.reserve(start: image.start, end: image.end)
    for index in information.occupied.indices {
      let range = information.occupied[index]
      memory.reserve(start: range.start &>> 12, end: (range.end &+ 4095) &>> 12)
    }
    for index in information.modules.indices {
      let range = information.modules[index].range
      memory.reserve(start: range.start &>> 12, end: (range.end &+ 4095) &>> 12)
    }
    return memory
  }
}
