// SPDX-License-Identifier: Apache-2.0

// A page in the first megabyte for other CPUs to start from, in real mode.

extension BootInformation {
  /// The address of the highest page below 640 KiB that is RAM by the memory map, and that neither the loader nor a module
  /// occupies; nil if there is none. The first page is the firmware's: interrupt vectors and data of its own.
  public func pageBelowOneMegabyte(_ map: MemoryMap) -> UInt64? {
    var start: UInt64 = 0xa0000
    while start > 0x1000 {
      start &-= 0x1000
      let page = PhysicalRange(start: start, length: 0x1000)
      if map.isUsable(page) && !isOccupied(page) { return start }
    }
    return nil
  }

  private func isOccupied(_ page: PhysicalRange) -> Bool {
    for index in occupied.indices where occupied[index].overlaps(page) { return true }
    for index in modules.indices where modules[index].range.overlaps(page) { return true }
    return false
  }
}
