// SPDX-License-Identifier: Apache-2.0
// Tables in frames: atomic words, and pages of plain values.
import Foundation
import SimulatedMachine
import Testing

@testable import Machine

@Suite struct TableTests {
  private func run(_ body: () -> Void) {
    MachineTurn.take {
      precondition(Simulation.start(frames: 64))
      body()
    }
  }

  @Test func atomicTableOperations() {
    run {
      for word in 0..<512 { PhysicalWindow.store(MachineFrame(3), word: word, 7) }
      let table = AtomicTable(first: MachineFrame(2), frames: 2)
      check(table.count == 1024)
      check((0..<1024).allSatisfy { table.load($0) == 0 }, "it begins with zeros")
      table.store(1023, 5)
      check(PhysicalWindow.load(MachineFrame(3), word: 511) == 5)
      check(PhysicalWindow.load(MachineFrame(4), word: 0) == 0)
      check(table.compareExchange(1023, expected: 4, desired: 9) == 5)
      check(table.load(1023) == 5)
      check(table.compareExchange(1023, expected: 5, desired: 9) == 5)
      check(table.fetchAdd(1023, UInt64.max) == 9)
      check(table.fetchOr(1023, 0x10) == 8)
      check(table.fetchAnd(1023, 0x11) == 0x18)
      check(table.load(1023) == 0x10)
    }
  }

  @Test func atomicTableUnderThreads() {
    run {
      let table = AtomicTable(first: MachineFrame(2), frames: 1)
      DispatchQueue.concurrentPerform(iterations: 4) { thread in
        for round in 0..<5000 {
          table.fetchAdd(0, 1)
          table.fetchOr(1, 1 << UInt64(thread * 16 + round % 16))
          var seen = table.load(2)
          while true {
            let found = table.compareExchange(2, expected: seen, desired: seen + 3)
            if found == seen { break }
            seen = found
          }
        }
      }
      check(table.load(0) == 20_000)
      check(table.load(1) == UInt64.max)
      check(table.load(2) == 60_000)
    }
  }

  @Test func atomicWord() {
    var word = AtomicWord(3)
    check(word.exchange(4) == 3)
    check(word.compareExchange(expected: 3, desired: 9) == 4)
    check(word.compareExchange(expected: 4, desired: 9) == 4)
    check(word.fetchAdd(1) == 9)
    check(word.fetchOr(1) == 10)
    check(word.fetchAnd(3) == 11)
    check(word.load() == 3)
  }

  @Test func pagedTableGrowsAndShrinks() {
    run {
      struct Element: BitwiseCopyable {
        var a: UInt64 = 0
        var b: UInt32 = 0
      }
      var table = PagedTable<Element>(directory: MachineFrame(1))
      check(table.count == 0)
      check(PagedTable<Element>.perFrame == 256)
      check(PagedTable<Element>.limit == 256 * 512)
      // The frames need not lie together, and bring old data with them.
      let frames = [MachineFrame(9), MachineFrame(4), MachineFrame(20)]
      for frame in frames {
        for word in 0..<512 { PhysicalWindow.store(frame, word: word, UInt64.max) }
        check(table.grow(by: frame, initial: Element(a: 1, b: 2)))
      }
      check(table.count == 768)
      check((0..<768).allSatisfy { table[$0].a == 1 && table[$0].b == 2 })
      for index in 0..<768 { table[index] = Element(a: UInt64(index), b: UInt32(index)) }
      check((0..<768).allSatisfy { table[$0].a == UInt64($0) })
      check(PhysicalWindow.load(MachineFrame(4), word: 0) == 256)
      check(table.shrink() == frames[2])
      check(table.count == 512)
      check(table[511].a == 511)
      check(table.shrink() == frames[1])
      check(table.shrink() == frames[0])
      check(table.shrink() == nil)
      check(table.directoryFrame == MachineFrame(1))
    }
  }

  /// A directory in a part of a frame touches nothing beside it, moves when it is full, and comes back at last.
  @Test func pagedTableOutgrowsItsPartOfAFrame() {
    run {
      for word in 0..<512 { PhysicalWindow.store(MachineFrame(1), word: word, 77) }
      for word in 0..<512 { PhysicalWindow.store(MachineFrame(2), word: word, UInt64.max) }
      var table = PagedTable<UInt64>(directory: MachineFrame(1), word: 100, places: 3)
      for turn in 0..<2 as Range<UInt64> {
        for frame in 0..<3 as Range<UInt64> {
          check(!table.needsDirectory)
          check(table.grow(by: MachineFrame(9 + frame), initial: frame))
        }
        check(table.needsDirectory)
        check(!table.grow(by: MachineFrame(20), initial: 3))
        table.moveDirectory(to: MachineFrame(2))
        check(!table.needsDirectory)
        check(table.grow(by: MachineFrame(20), initial: 3))
        check((0..<2048).allSatisfy { table[$0] == UInt64($0 / 512) })
        for frame in [20, 11, 10, 9, 2] as [UInt64] { check(table.shrink() == MachineFrame(frame), "turn \(turn)") }
        check(table.shrink() == nil)
      }
      check((0..<512).allSatisfy { (100..<103).contains($0) || PhysicalWindow.load(MachineFrame(1), word: $0) == 77 })
    }
  }

  @Test func pagedTableEndsAtItsLimit() {
    MachineTurn.take {
      precondition(Simulation.start(frames: 600))
      var table = PagedTable<UInt64>(directory: MachineFrame(1))
      for frame in 0..<512 as Range<UInt64> { check(table.grow(by: MachineFrame(2 + frame), initial: frame)) }
      check(!table.grow(by: MachineFrame(520), initial: 0))
      check(table.count == PagedTable<UInt64>.limit)
      check(table[table.count - 1] == 511)
    }
  }

  @Test func framesOfTheWindow() {
    run {
      check(PhysicalWindow.contains(MachineFrame(63)))
      check(!PhysicalWindow.contains(MachineFrame(64)))
      check(!PhysicalWindow.contains(.invalid))
      for byte in 0..<4096 { PhysicalWindow.store8(MachineFrame(7), byte: byte, UInt8(truncatingIfNeeded: byte)) }
      PhysicalWindow.copy(from: MachineFrame(7), at: 10, to: MachineFrame(8), at: 4000, count: 96)
      check(PhysicalWindow.load8(MachineFrame(8), byte: 3999) == 0)
      check(PhysicalWindow.load8(MachineFrame(8), byte: 4000) == 10)
      check(PhysicalWindow.load8(MachineFrame(8), byte: 4095) == 105)
      check(PhysicalWindow.load8(MachineFrame(9), byte: 0) == 0)
      // A frame copied onto itself.
      PhysicalWindow.copy(from: MachineFrame(7), at: 0, to: MachineFrame(7), at: 1, count: 4095)
      check(PhysicalWindow.load8(MachineFrame(7), byte: 4095) == UInt8(truncatingIfNeeded: 4094))
      PhysicalWindow.clear(MachineFrame(8))
      check((0..<512).allSatisfy { PhysicalWindow.load(MachineFrame(8), word: $0) == 0 })
    }
  }
}
