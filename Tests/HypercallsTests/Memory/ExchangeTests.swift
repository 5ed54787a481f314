// SPDX-License-Identifier: Apache-2.0
// XENMEM_exchange: whole chunks or nothing, with the counts as before.
import CXenABI
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct ExchangeTests {
  /// Two lists: how many extents of which order.
  struct Lists {
    var inputCount: UInt64
    var inputOrder: UInt32
    var outputCount: UInt64
    var outputOrder: UInt32
    init(_ inputCount: UInt64, _ inputOrder: UInt32, _ outputCount: UInt64, _ outputOrder: UInt32) {
      (self.inputCount, self.inputOrder, self.outputCount, self.outputOrder) = (
        inputCount, inputOrder, outputCount, outputOrder
      )
    }
    var plan: ExchangePlan? {
      ExchangePlan(
        inputCount: inputCount, inputOrder: inputOrder, outputCount: outputCount, outputOrder: outputOrder,
        maximumOrder: 9)
    }
  }

  // With the inputs and outputs of a chunk, and the chunks.
  static let matching: [(Lists, [UInt64])] = [
    (Lists(4, 0, 1, 2), [4, 1, 1]), (Lists(1, 2, 4, 0), [1, 4, 1]), (Lists(8, 1, 2, 3), [4, 1, 2]),
    (Lists(5, 0, 5, 0), [1, 1, 5]), (Lists(0, 0, 0, 4), [16, 1, 0]),
  ]

  @Test(arguments: matching)
  func `lists of the same size are cut into chunks`(lists: Lists, expected: [UInt64]) throws {
    let plan = try #require(lists.plan)
    #expect([plan.inputs, plan.outputs, plan.chunks] == expected)
  }

  static let mismatched: [Lists] = [
    Lists(3, 0, 1, 2), Lists(1, 10, 1, 10), Lists(UInt64.max, 0, UInt64.max, 1), Lists(1 << 63, 1, 0, 0),
    Lists(1 << 61, 3, 1 << 60, 4), Lists(1, UInt32.max, 1, UInt32.max),
  ]

  @Test(arguments: mismatched)
  func `lists that do not match make no plan`(lists: Lists) { #expect(lists.plan == nil) }

  static func ask(
    _ guest: SimulatedGuest, in input: [UInt64], order inputOrder: UInt32, out output: [UInt64],
    order outputOrder: UInt32,
    bits: UInt32 = 0, exchanged: UInt64 = 0, outputList: Int = 0x1000
  ) -> Int64 {
    for (index, frame) in input.enumerated() { guest.set64(0x100 + index * 8, frame) }
    for (index, number) in output.enumerated() where outputList + index * 8 < 0x4000 {
      guest.set64(outputList + index * 8, number)
    }
    for (at, list, count, order) in [(0, 0x100, input.count, inputOrder), (32, outputList, output.count, outputOrder)] {
      guest.set64(at, guest.address(list))
      guest.set64(at + 8, UInt64(count))
      guest.set32(at + 16, order)
      guest.set32(at + 20, at == 0 ? 0 : bits)
      guest.set16(at + 24, DomainID.current.raw)
    }
    guest.set64(64, exchanged)
    return guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_exchange), guest.address(0))
  }

  @Test func `single frames become a block, and a block single frames`() {
    SimulatedMachine.run { world in
      let guest = world.guest(3, frameLimit: SimulatedGuest.frames + 16)
      let table = Ref<Hypervisor>.shared[].machineToPhysical
      let old = (0..<16).map { _ in guest.frame() }
      let free = ledger[].freeFrames
      #expect(Self.ask(guest, in: old.map(\.number), order: 0, out: [640], order: 4) == 0)
      #expect(guest.get64(64) == 16)
      let block = guest.get64(0x1000)
      #expect(block & 15 == 0)
      for offset in UInt64(0)..<16 {
        #expect(take(MachineFrame(block + offset), for: guest))
        ledger[].drop(MachineFrame(block + offset))
        #expect(table.load(MachineFrame(block + offset)) == 640 + offset)
      }
      for frame in old where frame.number & ~15 != block { #expect(table.load(frame) == MachineToPhysical.invalid) }
      #expect(guest.gained == 16 && ledger[].freeFrames == free)
      #expect(Self.ask(guest, in: [block], order: 4, out: Array(100..<116), order: 0) == 0)
      #expect(guest.get64(64) == 1)
      #expect(guest.gained == 16 && ledger[].freeFrames == free)
      for index in 0..<16 {
        let frame = MachineFrame(guest.get64(0x1000 + index * 8))
        #expect(table.load(frame) == 100 + UInt64(index))
        #expect(guest.domain.surrender(frame))
      }
      #expect(guest.gained == 0)
    }
  }

  /// Every beginning of an extent of eight frames in a block of sixteen, and one of two at an odd frame.
  @Test func `an extent begins anywhere`() throws {
    try SimulatedMachine.run { world in
      let guest = world.guest(3, frameLimit: SimulatedGuest.frames + 64)
      for (start, order) in (UInt64(0)...8).map({ ($0, UInt32(3)) }) + [(1, 1), (7, 1)] {
        let free = ledger[].freeFrames
        let allocated = ledger[].allocate(for: DomainID(3), order: 4)
        let block = try #require(allocated)
        let size = UInt64(1) << UInt64(order)
        #expect(
          Self.ask(guest, in: [block.number + start], order: order, out: (0..<size).map { 700 + $0 }, order: 0) == 0)
        #expect(guest.get64(64) == 1 && ledger[].freeFrames == free - 16)
        var rest = (0..<UInt64(16)).filter { $0 < start || $0 >= start + size }.map { block + $0 }
        rest += (0..<Int(size)).map { MachineFrame(guest.get64(0x1000 + $0 * 8)) }
        for frame in rest {
          let isEnded = ledger[].endAllocation(frame, owner: DomainID(3))
          #expect(isEnded)
        }
        #expect(ledger[].freeFrames == free)
      }
    }
  }

  @Test func `a chunk that cannot be exchanged stays as it was`() {
    SimulatedMachine.run { world in
      let guest = world.guest(3)
      let frames = (0..<8).map { _ in guest.frame() }
      let free = ledger[].freeFrames
      // The seventh is mapped: of two chunks of four, the first is exchanged.
      #expect(takeWritable(frames[6], for: guest))
      #expect(
        Self.ask(guest, in: frames.map(\.number), order: 0, out: [400, 800], order: 2) == XenError.invalid.code)
      #expect(guest.get64(64) == 4)
      #expect(guest.get64(0x1000) != 400 && guest.get64(0x1008) == 800)
      for frame in frames[4...] where frame != frames[6] { #expect(ledger[].count(frame) == 1) }
      #expect(ledger[].count(frames[6]) == 2)
      #expect(guest.gained == 8 && ledger[].freeFrames == free)
      // It goes on from there.
      ledger[].dropWritable(frames[6])
      #expect(
        Self.ask(
          guest, in: frames.map(\.number), order: 0, out: [guest.get64(0x1000), 800], order: 2, exchanged: 4) == 0)
      #expect(guest.get64(64) == 8 && guest.gained == 8)
    }
  }

  @Test func `failures change nothing`() {
    SimulatedMachine.run { world in
      let guest = world.guest(3)
      let frames = (0..<4).map { _ in guest.frame() }
      let numbers = frames.map(\.number)
      let free = ledger[].freeFrames
      // Not enough low memory, the same frame twice, a foreign frame, a list that cannot be written, sizes, a bad start.
      #expect(Self.ask(guest, in: numbers, order: 0, out: [1], order: 2, bits: 13) == XenError.noMemory.code)
      #expect(
        Self.ask(guest, in: [numbers[0], numbers[1], numbers[2], numbers[0]], order: 0, out: [1], order: 2) == -22)
      #expect(Self.ask(guest, in: [numbers[0], numbers[1], numbers[2], 1], order: 0, out: [1], order: 2) == -22)
      #expect(Self.ask(guest, in: [numbers[0], UInt64.max, 0, 0], order: 0, out: [1], order: 2) == -22)
      #expect(
        Self.ask(guest, in: numbers, order: 0, out: [1, 2, 3, 4], order: 0, outputList: 0x1_0000) == XenError.fault.code
      )
      #expect(Self.ask(guest, in: numbers, order: 0, out: [1], order: 1) == XenError.invalid.code)
      #expect(Self.ask(guest, in: numbers, order: 0, out: [1], order: 13) == XenError.notPermitted.code)
      #expect(Self.ask(guest, in: numbers, order: 0, out: [1], order: 2, exchanged: 5) == XenError.invalid.code)
      #expect(Self.ask(guest, in: numbers, order: 0, out: [1], order: 2, exchanged: 1) == XenError.invalid.code)
      #expect(guest.gained == 4 && ledger[].freeFrames == free)
      for frame in frames {
        #expect(ledger[].count(frame) == 1 && isAllocated(frame) && ledger[].owner(frame) == guest.id)
      }
      #expect(Self.ask(guest, in: numbers, order: 0, out: [1], order: 2) == 0)
    }
  }
}
