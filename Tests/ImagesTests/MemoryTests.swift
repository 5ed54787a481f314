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

  /// `mem=` and `availmem=`: usable memory ends somewhere; the rest of the map stays.
  @Test func usableMemoryCanBeCut() {
    let whole = MemoryMap(sanitizing: raw([(0x1000, 0x9000, 1), (0xa000, 0x6000, 2), (0x1_0000, 0x10_0000, 1)]))
    func cut(end: UInt64? = nil, bytes: UInt64? = nil, keeping: UInt64 = 0) -> MemoryMap {
      var map = whole
      map.cutUsable(end: end, bytes: bytes, keeping: keeping)
      return map
    }
    #expect(cut().entries.count == 3 && cut().usableBytes == whole.usableBytes)
    #expect(cut(end: 0x2_0000).usableBytes == 0x1_9000)
    #expect(cut(end: 0x2_0fff).endOfRAM == 0x2_0000)
    // A whole entry goes; what is no memory stays.
    #expect(cut(end: 0x1_0000).entries.count == 2 && cut(end: 0x5000).usableBytes == 0x4000)
    #expect(cut(bytes: 0xa000).usableBytes == 0xa000 && cut(bytes: 0xa000).endOfRAM == 0x1_1000)
    #expect(cut(end: 0x1_8000, bytes: 0xa000).usableBytes == 0xa000)
    #expect(cut(end: 0x1_0800, bytes: 0xa000).usableBytes == 0x9000)
    // What must not go stays, whatever was wished.
    #expect(cut(end: 0x5000, keeping: 0x1_2345).endOfRAM == 0x1_3000)
    #expect(cut(bytes: 0, keeping: 0).usableBytes == 0)
    #expect(cut(end: .max, bytes: .max, keeping: .max).usableBytes == whole.usableBytes)
  }

  /// Against every page by itself.
  @Test func cutsAgreeWithANaiveModel() {
    var random = Random(state: 11)
    for _ in 0..<500 {
      var entries: [(UInt64, UInt64, UInt32)] = []
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        entries.append(
          (
            UInt64.random(in: 0..<60, using: &random) << 12, UInt64.random(in: 1...20, using: &random) << 12,
            UInt32.random(in: 1...2, using: &random)
          ))
      }
      var map = MemoryMap(sanitizing: raw(entries))
      func pages(_ map: MemoryMap) -> [UInt64] {
        map.entries.indices.filter { map.entries[$0].kind == .usable }.flatMap {
          Array(map.entries[$0].range.start >> 12..<map.entries[$0].range.end >> 12)
        }
      }
      let before = pages(map)
      let end = UInt64.random(in: 0..<80, using: &random)
      let count = Int.random(in: 0...80, using: &random)
      let needed = UInt64.random(in: 0..<80, using: &random)
      map.cutUsable(end: end << 12, bytes: UInt64(count) << 12, keeping: needed << 12)
      let wished = Set(before.filter { $0 < end }.prefix(count))
      #expect(pages(map) == before.filter { wished.contains($0) || $0 < needed })
    }
  }
}
