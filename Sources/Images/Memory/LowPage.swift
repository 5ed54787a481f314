// SPDX-License-Identifier: Apache-2.0

// A page in the first megabyte for other CPUs to start from, in real mode.

extension BootInformation {
  /// The address of a page below 640 KiB that is RAM by the memory map, and that neither the loader nor a module occupies; nil if
  /// there is none. The first page is the firmware's: interrupt vectors and data of its own.
  public func pageBelowOneMegabyte(_ map: MemoryMap) -> UInt64? {
    var free = FreeMemory(map, below: 0xa0000)
    free.reserve(PhysicalRange(start: 0, length: 4096))
    for index in occupied.indices { free.reserve(occupied[index]) }
    for index in modules.indices { free.reserve(modules[index].range) }
    return free.take(4096)
  }
}
