// SPDX-License-Identifier: Apache-2.0
// Memory maps as firmware gives them, made sane; and what is free of them.

import Testing

@testable import Images

private func raw(_ entries: [(UInt64, UInt64, UInt32)]) -> RawMemoryMap {
  var map = RawMemoryMap(placeholder: .placeholder)
  for (start, length, type) in entries {
    map.append(MemoryRange(range: PhysicalRange(start: start, length: length), kind: MemoryKind(type: type)))
  }
  return map
}

@Suite struct MemoryTests {
  @Test func overlapsAreDecidedByTheStrongerKind() {
    let map = MemoryMap(
      sanitizing: raw([
        (0x1000, 0x9000, 1), (0x4000, 0x2000, 2), (0, 0x2000, 1), (0x5000, 0x1000, 4), (0xa000, 0x1000, 77),
      ]))
    let entries = map.entries.indices.map { map.entries[$0] }
    #expect(
      entries == [
        MemoryRange(range: PhysicalRange(start: 0, length: 0x4000), kind: .usable),
        MemoryRange(range: PhysicalRange(start: 0x4000, length: 0x2000), kind: .reserved),
        MemoryRange(range: PhysicalRange(start: 0x6000, length: 0x4000), kind: .usable),
        MemoryRange(range: PhysicalRange(start: 0xa000, length: 0x1000), kind: .reserved),
      ])
    #expect(map.usableBytes == 0x8000)
    #expect(map.endOfRAM == 0xa000)
  }

  @Test func emptyAndExtremeMaps() {
    #expect(MemoryMap(sanitizing: raw([])).entries.isEmpty)
    #expect(MemoryMap(sanitizing: raw([(5, 0, 1)])).entries.isEmpty)
    let map = MemoryMap(sanitizing: raw([(0, UInt64.max, 1), (UInt64.max - 5, UInt64.max, 2)]))
    #expect(map.entries.count == 2)
    #expect(map.entries[1].range.end == UInt64.max)
    let free = FreeMemory(map, below: 1 << 40)
    #expect(free.totalBytes == 1 << 40)
  }

  /// Every address is looked up in the raw entries and must get the strongest kind that covers it.
  @Test func sanitizingAgreesWithANaiveModel() {
    var random = Random(state: 2)
    for _ in 0..<400 {
      var entries: [(UInt64, UInt64, UInt32)] = []
      for _ in 0..<Int.random(in: 0...20, using: &random) {
        entries.append(
          (.random(in: 0..<60, using: &random), .random(in: 0..<20, using: &random), .random(in: 1...8, using: &random))
        )
      }
      let map = MemoryMap(sanitizing: raw(entries))
      var previousEnd: UInt64 = 0
      for index in map.entries.indices {
        let entry = map.entries[index]
        #expect(!entry.range.isEmpty && entry.range.start >= previousEnd)
        if index > 0, previousEnd == entry.range.start { #expect(map.entries[index - 1].kind != entry.kind) }
        previousEnd = entry.range.end
      }
      for address in UInt64(0)..<90 {
        let covering = entries.filter { address >= $0.0 && address < $0.0 + $0.1 }.map { MemoryKind(type: $0.2) }
        let expected = covering.max { $0.strength < $1.strength }
        let found = map.entries.indices.map { map.entries[$0] }
          .first { $0.range.contains(PhysicalRange(start: address, length: 1)) }
        #expect(found?.kind == expected)
      }
    }
  }

  @Test func aFullMapOfSmallPiecesFits() {
    let entries = (0..<128).map { (index: Int) -> (UInt64, UInt64, UInt32) in
      (UInt64(index * 0x4000 + 0x100), 0x2000, UInt32(index % 2 + 1))
    }
    let map = MemoryMap(sanitizing: raw(entries))
    #expect(map.entries.count == 128)
    #expect(FreeMemory(map, below: UInt64.max).ranges.count == 64)
  }

  /// Other CPUs start from a page that is nobody's: RAM below 640 KiB, not the firmware's first page, not the loader's.
  @Test func aPageForOtherCPUsToStartFrom() {
    func page(_ entries: [(UInt64, UInt64, UInt32)], occupied: [PhysicalRange] = [], modules: [PhysicalRange] = [])
      -> UInt64?
    {
      var boot = BootInformation(.multiboot1)
      for range in occupied { boot.occupied.append(range) }
      for range in modules { boot.modules.append(BootModule(range: range, commandLine: .empty)) }
      return boot.pageBelowOneMegabyte(MemoryMap(sanitizing: raw(entries)))
    }
    let usual: [(UInt64, UInt64, UInt32)] = [
      (0, 0x9fc00, 1), (0x9fc00, 0x400, 2), (0xf0000, 0x10000, 2), (0x100000, 1 << 28, 1),
    ]
    #expect(page(usual) == 0x9e000)
    #expect(page(usual, occupied: [PhysicalRange(start: 0x9e800, length: 8)]) == 0x9d000)
    #expect(page(usual, modules: [PhysicalRange(start: 0x2000, length: 0x9d000)]) == 0x1000)
    #expect(page(usual, occupied: [PhysicalRange(start: 0x1000, length: 0x9e000)]) == nil)
    // The page that was once taken without asking may be the firmware's.
    #expect(page([(0, 0x9000, 1), (0x8000, 0x1000, 2), (0x9000, 0x97000, 2), (0x100000, 1 << 28, 1)]) == 0x7000)
    #expect(page([(0x100000, 1 << 28, 1)]) == nil)
  }

  @Test func freeMemoryIsWholePages() {
    let free = FreeMemory(MemoryMap(sanitizing: raw([(0x123, 0x9eadd, 1), (0x10_0800, 0x400, 1)])), below: 1 << 32)
    #expect(free.ranges.count == 1)
    #expect(free.ranges[0] == PhysicalRange(start: 0x1000, end: 0x9e000))
  }

  /// Reservations and takings against a set of page numbers.
  @Test func reservationsAgreeWithANaiveModel() {
    var random = Random(state: 3)
    for _ in 0..<200 {
      var free = FreeMemory(MemoryMap(sanitizing: raw([(0, 40 << 12, 1), (50 << 12, 30 << 12, 1)])), below: 1 << 32)
      var pages = Set((0..<40).map { UInt64($0) } + (50..<80).map { UInt64($0) })
      for _ in 0..<12 {
        if Bool.random(using: &random) {
          let start = UInt64.random(in: 0..<(85 << 12), using: &random)
          let length = UInt64.random(in: 0..<(8 << 12), using: &random)
          free.reserve(PhysicalRange(start: start, length: length))
          if length > 0 { for page in (start >> 12)...((start + length - 1) >> 12) { pages.remove(page) } }
        } else {
          let count = UInt64.random(in: 1...6, using: &random)
          let alignment = UInt64(1) << UInt64.random(in: 0...2, using: &random)
          let limit = UInt64.random(in: 1...90, using: &random)
          let possible = (0..<(limit > count ? limit - count + 1 : 0)).contains { start in
            start % alignment == 0 && (start..<(start + count)).allSatisfy { pages.contains($0) }
          }
          let start = free.take(count << 12, alignment: alignment << 12, below: limit << 12)
          if let start {
            #expect(start % (alignment * 4096) == 0 && start + count * 4096 <= limit * 4096)
            for page in (start / 4096)..<(start / 4096 + count) { #expect(pages.remove(page) != nil) }
          } else if alignment == 1 {
            #expect(!possible || limit < count)
          }
        }
        let listed = free.ranges.indices.flatMap { Array((free.ranges[$0].start >> 12)..<(free.ranges[$0].end >> 12)) }
        #expect(Set(listed) == pages && listed.count == pages.count && listed == listed.sorted())
        #expect(free.totalBytes == UInt64(pages.count) << 12)
      }
    }
  }

  @Test func aFullListGivesUpTheSmallerPart() {
    var free = FreeMemory(MemoryMap(sanitizing: raw([(0, 1 << 30, 1)])), below: 1 << 32)
    for index in UInt64(0)..<300 { free.reserve(PhysicalRange(start: index * 0x4000, length: 1)) }
    #expect(free.ranges.count <= 192)
    #expect(free.bytesLost > 0)
    #expect(free.totalBytes + free.bytesLost + 300 * 4096 == 1 << 30)
  }

  @Test func impossibleTakings() {
    var free = FreeMemory(MemoryMap(sanitizing: raw([(0, 1 << 20, 1)])), below: 1 << 32)
    #expect(free.take(0) == nil)
    #expect(free.take(UInt64.max) == nil)
    #expect(free.take(4096, alignment: 3) == nil)
    #expect(free.take(2 << 20) == nil)
    #expect(free.take(1 << 20) == 0)
    #expect(free.take(1) == nil)
  }
}
