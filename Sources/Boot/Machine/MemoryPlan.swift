// SPDX-License-Identifier: Apache-2.0
// Which memory boot may use: RAM without what the loader, the image and the modules occupy, and without the first megabyte.
import Domains
import Images
import Machine

enum MemoryPlan {
  // By themselves, as each copies lists of some kilobytes, and the stack of boot has 64.

  /// The machine's memory, less what `mem=` and `availmem=` take away.
  @inline(never)
  static func map(_ information: BootInformation, _ options: HypervisorOptions) -> MemoryMap {
    var map = MemoryMap(sanitizing: information.memory)
    if options.memoryLimit != nil || options.availableMemory != nil {
      map.cutUsable(end: options.memoryLimit, bytes: options.availableMemory, keeping: endOfNeeded(information))
    }
    return map
  }

  /// Says how much has been taken away.
  @inline(never)
  static func report(_ information: BootInformation, _ map: MemoryMap) {
    let (left, there) = (map.usableBytes, MemoryMap(sanitizing: information.memory).usableBytes)
    guard left < there else { return }
    Log.write(.warning) {
      $0.put("mem=, availmem=: ")
      $0.put(decimal: left &>> 20)
      $0.put(" of ")
      $0.put(decimal: there &>> 20)
      $0.put(" MiB of memory are used")
    }
  }

  /// The physical address behind what memory has to reach whatever is wished: image, modules, the loader's information.
  @inline(never)
  private static func endOfNeeded(_ information: BootInformation) -> UInt64 {
    var end = ImageLayout.current.frames.end &<< 12
    for index in information.occupied.indices { end = max(end, information.occupied[index].end) }
    for index in information.modules.indices { end = max(end, information.modules[index].range.end) }
    return end
  }

  /// The free memory.
  @inline(never)
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
