// SPDX-License-Identifier: Apache-2.0
// Searching a frame for words that have a bit, blocks of a frame, records, and words of guest memory.
import SimulatedMachine
import Testing

@testable import Machine

@Suite struct WindowTests {
  private func run(_ body: () -> Void) {
    MachineTurn.take {
      precondition(Simulation.start(frames: 64))
      body()
    }
  }

  @Test(arguments: [[], [0], [511], [3, 4, 5], [0, 511], [7, 8, 260], Array(0..<512)])
  func searchFindsWhatIsThere(_ places: [Int]) {
    run {
      let frame = MachineFrame(2)
      // Other bits do not count, nor do other frames.
      for word in 0..<512 { PhysicalWindow.store(frame, word: word, places.contains(word) ? 5 : 4) }
      PhysicalWindow.store(MachineFrame(3), word: 0, 5)
      PhysicalWindow.store(MachineFrame(1), word: 511, 5)
      for start in 0...512 {
        check(PhysicalWindow.firstWord(frame, from: start, with: 1) == places.first { $0 >= start } ?? 512)
        check(PhysicalWindow.lastWord(frame, before: start, with: 1) == (places.last { $0 < start } ?? -1) + 1)
      }
    }
  }

  @Test func blockIsInItsFrame() {
    run {
      let block = WindowBlock(frame: MachineFrame(5), offset: 4032)
      check(block.frame == MachineFrame(5) && block.offset == 4032)
      block.store(56, 0x1122_3344_5566_7788)
      check(PhysicalWindow.load(MachineFrame(5), word: 511) == 0x1122_3344_5566_7788)
      check(block.exchange8(63, 0xff) == 0x11)
      check(block.load8(63) == 0xff && block.load(56) == 0xff22_3344_5566_7788)
      check(block.fetchOr(0, 6) == 0 && block.load(0) == 6)
      block.store8(0, 1)
      check(PhysicalWindow.load8(MachineFrame(5), byte: 4032) == 1)
    }
  }

  @Test func recordsAreApart() {
    run {
      for word in 0..<512 { PhysicalWindow.store(MachineFrame(3), word: word, 7) }
      check(AtomicRecords.framesNeeded(for: 128) == 1 && AtomicRecords.framesNeeded(for: 129) == 2)
      let records = AtomicRecords(first: MachineFrame(2), count: 256)
      records.store(RecordWord(255, word: 3), 9)
      check(
        PhysicalWindow.load(MachineFrame(3), word: 511) == 9 && PhysicalWindow.load(MachineFrame(3), word: 510) == 0)
      check(records.fetchAdd(RecordWord(255, word: 3), 1) == 9 && records.load(RecordWord(255, word: 3)) == 10)
      check(records.compareExchange(RecordWord(255, word: 3), expected: 9, desired: 1) == 10)
      check(records.compareExchange(RecordWord(255, word: 3), expected: 10, desired: 1) == 10)
      check(records.fetchOr(RecordWord(255, word: 3), 6) == 1 && records.fetchAnd(RecordWord(255, word: 3), 3) == 7)
      check(records.load(RecordWord(255, word: 3)) == 3 && records.load(RecordWord(255, word: 2)) == 0)
    }
  }

  @Test func fewWordsAreCheckedLikeMany() {
    run {
      let interesting: [UInt64] = [
        0, 1, 0x7fff_ffff_ffff, 0xffff_7fff_ffff_ffb8, 0xffff_8000_0000_0000, 0xffff_87ff_ffff_ffff,
        0xffff_8800_0000_0000,
        UInt64.max,
      ]
      for place in interesting {
        for distance in -80...80 {
          let start = LinearAddress(place &+ UInt64(bitPattern: Int64(distance)))
          for bytes in [16, 24, 56, 64, 72] {
            check(
              GuestMemory.allowsFew(start, bytes: UInt64(bytes)) == GuestMemory.allows(start, bytes: bytes),
              "\(String(start.raw, radix: 16)), \(bytes) bytes")
          }
        }
      }
    }
  }
}
