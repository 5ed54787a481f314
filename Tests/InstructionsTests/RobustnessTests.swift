// SPDX-License-Identifier: Apache-2.0
//
// Whatever a guest puts into its code, decoding ends, and says the same for the same bytes. Nothing here may trap.

import Testing

@testable import Instructions

private let modes: [CodeMode] = [.compatibility16, .compatibility32, .long]

/// Both decoders' verdicts on the same bytes.
private struct Verdicts: Equatable {
  var privileged: DecodeResult<PrivilegedInstruction>
  var memory: DecodeResult<MemoryInstruction>

  init(_ code: InstructionBytes, _ mode: CodeMode) {
    privileged = PrivilegedInstruction.decode(code, mode: mode)
    memory = MemoryInstruction.decode(code, mode: mode)
  }

  var isOpen: Bool { privileged == .needMoreBytes || memory == .needMoreBytes }
}

@Suite struct RobustnessTests {
  /// Visits every string of up to three bytes. One whose verdict is final says the same with anything behind it (tested
  /// below), so only open ones are extended. Returns how many were looked at.
  private func walk(_ isOpen: (InstructionBytes) -> Bool) -> Int {
    var code = InlineArray<16, UInt8>(repeating: 0)
    var visited = 0
    for first in 0...(255 as UInt8) {
      code[0] = first
      visited += 1
      guard isOpen(InstructionBytes(code, count: 1)) else { continue }
      for second in 0...(255 as UInt8) {
        code[1] = second
        visited += 1
        guard isOpen(InstructionBytes(code, count: 2)) else { continue }
        for third in 0...(255 as UInt8) {
          code[2] = third
          visited += 1
          _ = isOpen(InstructionBytes(code, count: 3))
        }
      }
    }
    return visited
  }

  @Test(arguments: modes) func everyShortPrivilegedString(_ mode: CodeMode) {
    let visited = walk {
      if case .needMoreBytes = PrivilegedInstruction.decode($0, mode: mode) { true } else { false }
    }
    #expect(visited > 40_000)
  }

  @Test func everyShortMemoryString() {
    let visited = walk {
      if case .needMoreBytes = MemoryInstruction.decode($0, mode: .long) { true } else { false }
    }
    #expect(visited > 1_000_000)
  }

  @Test func randomBytesAndTheirBeginnings() {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<20_000 {
      let mode = modes[Int(generator.next() % 3)]
      var code = InlineArray<16, UInt8>(repeating: 0)
      for index in 0..<16 { code[index] = UInt8(truncatingIfNeeded: generator.next()) }
      // Lean towards prefixes and the two-byte page, where long forms are.
      let lead: [UInt8] = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x48, 0x0f, 0x64]
      for index in 0..<Int(generator.next() % 4) { code[index] = lead[Int(generator.next() % 8)] }
      let whole = Verdicts(InstructionBytes(code, count: 15), mode)
      #expect(whole.privileged != .needMoreBytes && whole.memory != .needMoreBytes)
      for count in 0..<15 {
        // What lies past the valid bytes must not matter.
        var cut = code
        if generator.next() % 2 == 0 {
          for index in count..<16 { cut[index] = UInt8(truncatingIfNeeded: generator.next()) }
        }
        let part = Verdicts(InstructionBytes(cut, count: count), mode)
        #expect(part.privileged == .needMoreBytes || part.privileged == whole.privileged)
        #expect(part.memory == .needMoreBytes || part.memory == whole.memory)
        if case .decoded(let instruction) = whole.memory {
          #expect((part.memory == .needMoreBytes) == (count < Int(instruction.length)))
        }
      }
    }
  }

  /// Random instructions in all modes with extreme registers: address and execution must not trap.
  @Test func executionNeverTraps() {
    var generator = SeededGenerator(seed: 11)
    let extremes: [UInt64] = [0, 1, .max, 1 << 63, 0x7fff_ffff_ffff_ffff, 0xffff_ffff, 0x8000_0000]
    var executed = 0
    for _ in 0..<200_000 {
      var code = InlineArray<16, UInt8>(repeating: 0)
      for index in 0..<16 { code[index] = UInt8(truncatingIfNeeded: generator.next()) }
      let mode = modes[Int(generator.next() % 3)]
      if generator.next() % 2 == 0 { code[0] = 0x0f }
      guard case .decoded(let instruction) = MemoryInstruction.decode(InstructionBytes(code, count: 15), mode: mode)
      else { continue }
      var registers = GeneralRegisters()
      for index in 0..<16 { registers.words[index] = extremes[Int(generator.next() % 7)] }
      var segments = SegmentBases(fs: .max, gs: 1 << 63)
      segments.ds = .max
      segments.ss = .max
      var flags = ProcessorFlags(rawValue: generator.next())
      let value = MemoryValue(extremes[Int(generator.next() % 7)], high: extremes[Int(generator.next() % 7)])
      let address = instruction.effectiveAddress(registers: registers, nextInstruction: .max, segments: segments)
      if mode != .long { #expect(address <= 0xffff_ffff) }
      _ = instruction.sourceAddress(registers: registers, segments: segments)
      let outcome = instruction.execute(memoryValue: value, registers: &registers, flags: &flags)
      if case .store = outcome.effect { #expect(instruction.writesMemory) }
      executed += 1
    }
    #expect(executed > 20_000)
  }

  /// Every set of prefixes before a few opcodes: the length is the sum, LOCK is refused where it must be, and sizes
  /// follow the manual's table.
  @Test func prefixCombinations() throws {
    let legacy: [UInt8] = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x64, 0x3e]
    for set in 0..<(1 << legacy.count) {
      let prefixes = legacy.indices.filter { set & (1 << $0) != 0 }.map { legacy[$0] }
      for rex in [nil, 0x40, 0x48, 0x4f] as [UInt8?] {
        let lead = prefixes + (rex.map { [$0] } ?? [])
        let isLocked = prefixes.contains(0xf0)
        // or %eax, (%rax)
        let code = InstructionBytes(lead + [0x09, 0x00])
        guard case .decoded(let instruction) = MemoryInstruction.decode(code, mode: .long) else {
          Issue.record("does not decode: \((lead + [0x09, 0x00]).hex)")
          continue
        }
        let isWide = rex.map { $0 & 8 != 0 } ?? false
        let size: OperandSize = isWide ? .quadword : prefixes.contains(0x66) ? .word : .doubleword
        #expect(instruction.size == size)
        #expect(Int(instruction.length) == lead.count + 2)
        #expect(instruction.isLocked == isLocked)
        #expect(instruction.address.addressSize == (prefixes.contains(0x67) ? .doubleword : .quadword))
        #expect(instruction.address.segment == (prefixes.contains(0x64) ? .fs : .ds))
        // mov %eax, (%rax) and rdmsr refuse LOCK.
        let store = MemoryInstruction.decode(InstructionBytes(lead + [0x89, 0x00]), mode: .long)
        #expect((store == .invalid) == isLocked)
        let privileged = PrivilegedInstruction.decode(InstructionBytes(lead + [0x0f, 0x32]), mode: .long)
        let expected = PrivilegedInstruction(operation: .readMSR, length: UInt8(lead.count + 2))
        #expect(privileged == (isLocked ? .invalid : .decoded(expected)))
      }
    }
  }
}
