// SPDX-License-Identifier: Apache-2.0
// Copies to and from guest memory through page tables.
import SimulatedMachine
import Testing

@testable import Machine

@Suite struct GuestCopyTests {
  static let base: UInt64 = 0x40_0000

  /// Three pages: writable, read-only, and none.
  private func run(_ body: () throws -> Void) rethrows {
    try MachineTurn.take {
      precondition(Simulation.start(frames: 32))
      let all = PTE.present | PTE.writable | PTE.user
      let address = LinearAddress(GuestCopyTests.base)
      PhysicalWindow.store(MachineFrame(1), word: address.index(level: 4), MachineFrame(2).physical | all)
      PhysicalWindow.store(MachineFrame(2), word: address.index(level: 3), MachineFrame(3).physical | all)
      PhysicalWindow.store(MachineFrame(3), word: address.index(level: 2), MachineFrame(4).physical | all)
      PhysicalWindow.store(MachineFrame(4), word: address.index(level: 1), MachineFrame(10).physical | all)
      PhysicalWindow.store(
        MachineFrame(4), word: address.index(level: 1) + 1, MachineFrame(11).physical | all & ~PTE.writable)
      Simulation.useTables(root: MachineFrame(1))
      try body()
    }
  }

  @Test func wordsAndValues() throws {
    try run {
      let start = LinearAddress(GuestCopyTests.base)
      try GuestMemory.write(start + 8, UInt64(0x1122_3344_5566_7788))
      #expect(try GuestMemory.read64(start + 8) == 0x1122_3344_5566_7788)
      #expect(try GuestMemory.read32(start + 12) == 0x1122_3344)
      #expect(PhysicalWindow.load(MachineFrame(10), word: 1) == 0x1122_3344_5566_7788)
      // Across the end into a page that can be read, and not written.
      PhysicalWindow.store(MachineFrame(11), word: 0, 0xaa)
      #expect(try GuestMemory.read64(start + 4092) == 0xaa << 32)
      #expect(throws: GuestFault.self) { try GuestMemory.write(start + 4092, UInt64(1)) }
      #expect(throws: GuestFault.self) { try GuestMemory.write(start + 4096, UInt64(1)) }
      #expect(throws: GuestFault.self) { try GuestMemory.read64(start + 8190) }
      #expect(throws: GuestFault.self) { try GuestMemory.read64(start + 8192) }
      #expect(throws: GuestFault.self) { try GuestMemory.read64(LinearAddress(0xffff_8300_0000_0000)) }
    }
  }

  @Test func countsOfWhatWasCopied() {
    run {
      let start = LinearAddress(GuestCopyTests.base)
      var buffer = [UInt8](repeating: 9, count: 16)
      #expect(GuestMemory.write(start + 4090, from: buffer.span, count: 16) == 6)
      #expect(GuestMemory.write(start, from: buffer.span, count: 17) == 0)
      var span = buffer.mutableSpan
      #expect(GuestMemory.read(start + 8190, into: &span, count: 16) == 2)
      #expect(GuestMemory.read(start, into: &span, count: 17) == 0)
      #expect(GuestMemory.read(start, into: &span, count: -1) == 0)
      #expect(GuestMemory.clear(start + 4000, count: 200) == 96)
      #expect(GuestMemory.clear(start, count: 0) == 0)
      #expect(GuestMemory.write(start, frame: MachineFrame(20), offset: 4000, count: 97) == 0)
      #expect(GuestMemory.write(start, frame: MachineFrame(20), offset: 4000, count: 96) == 96)
      #expect(GuestMemory.read(start + 4096, frame: MachineFrame(20), offset: 0, count: 4096) == 4096)
      #expect(GuestMemory.read(start + 4097, frame: MachineFrame(20), offset: 0, count: 4096) == 4095)
      #expect(GuestMemory.read(start, frame: MachineFrame(20), offset: -1, count: 1) == 0)
    }
  }
}
