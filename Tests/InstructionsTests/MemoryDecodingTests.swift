// SPDX-License-Identifier: Apache-2.0
//
// Memory instructions: what is decoded, where the operand lies (segments, wrap-around, 16-bit forms: what the
// comparison with the processor in long mode cannot reach), and what is refused.

import Testing

@testable import Instructions

private func decode(_ text: String, _ mode: CodeMode = .long) -> MemoryInstruction? {
  guard case .decoded(let instruction) = MemoryInstruction.decode(InstructionBytes(bytes(text)), mode: mode) else {
    return nil
  }
  return instruction
}

/// Registers with distinct values: rax 0x10, rcx 0x20, ... r15 0x100.
private func numbered() -> GeneralRegisters {
  var registers = GeneralRegisters()
  for index in 0..<16 { registers.words[index] = UInt64(index + 1) * 0x10 }
  return registers
}

@Suite struct MemoryDecodingTests {
  @Test func operationsAndOperands() throws {
    struct Row {
      var text: String
      var operation: MemoryOperation
      var size: OperandSize
      var other: OtherOperand
      var writes: Bool
      var locked = false
    }
    let rows = [
      Row(text: "48 89 07", operation: .store, size: .quadword, other: .register(.init(.rax)), writes: true),
      Row(text: "88 27", operation: .store, size: .byte, other: .register(.init(.rax, isHighByte: true)), writes: true),
      Row(text: "40 88 27", operation: .store, size: .byte, other: .register(.init(.rsp)), writes: true),
      Row(text: "66 44 8b 07", operation: .load, size: .word, other: .register(.init(.r8)), writes: false),
      // REX counts only right before the opcode.
      Row(text: "4c 66 89 07", operation: .store, size: .word, other: .register(.init(.rax)), writes: true),
      Row(text: "48 c7 07 ff ff ff ff", operation: .store, size: .quadword, other: .immediate(.max), writes: true),
      Row(text: "c6 07 80", operation: .store, size: .byte, other: .immediate(0xffff_ffff_ffff_ff80), writes: true),
      Row(
        text: "f0 48 0f ba 37 3f", operation: .bitTestReset, size: .quadword, other: .immediate(0x3f), writes: true,
        locked: true),
      Row(
        text: "f0 48 0f b3 0f", operation: .bitTestReset, size: .quadword, other: .register(.init(.rcx)), writes: true,
        locked: true),
      Row(text: "0f a3 0f", operation: .bitTest, size: .doubleword, other: .register(.init(.rcx)), writes: false),
      Row(
        text: "f0 48 21 07", operation: .and, size: .quadword, other: .register(.init(.rax)), writes: true, locked: true
      ),
      Row(text: "48 23 07", operation: .and, size: .quadword, other: .register(.init(.rax)), writes: false),
      Row(text: "48 83 0f fe", operation: .or, size: .quadword, other: .immediate(.max - 1), writes: true),
      Row(text: "48 83 3f 01", operation: .compare, size: .quadword, other: .immediate(1), writes: false),
      Row(
        text: "87 07", operation: .exchange, size: .doubleword, other: .register(.init(.rax)), writes: true,
        locked: true),
      Row(
        text: "f0 48 0f b1 0f", operation: .compareExchange, size: .quadword, other: .register(.init(.rcx)),
        writes: true, locked: true),
      Row(
        text: "f0 0f c7 0f", operation: .compareExchangePair, size: .quadword, other: .none, writes: true,
        locked: true),
      Row(
        text: "f0 48 0f c7 0f", operation: .compareExchangePair, size: .doubleQuadword, other: .none, writes: true,
        locked: true),
      Row(text: "48 0f c3 07", operation: .store, size: .quadword, other: .register(.init(.rax)), writes: true),
      Row(text: "f7 07 01 00 00 00", operation: .test, size: .doubleword, other: .immediate(1), writes: false),
      Row(text: "48 ff 0f", operation: .decrement, size: .quadword, other: .none, writes: true),
    ]
    for row in rows {
      let instruction = try #require(decode(row.text), "\(row.text)")
      #expect(instruction.operation == row.operation, "\(row.text)")
      #expect(instruction.size == row.size, "\(row.text)")
      #expect(instruction.other == row.other, "\(row.text)")
      #expect(instruction.writesMemory == row.writes, "\(row.text)")
      #expect(instruction.isLocked == row.locked, "\(row.text)")
      #expect(Int(instruction.length) == bytes(row.text).count, "\(row.text)")
      #expect(instruction.address.base == .rdi, "\(row.text)")
    }
  }

  @Test func effectiveAddresses() throws {
    var segments = SegmentBases(fs: 0x1_0000_0000, gs: 0xffff_8000_0000_0000)
    segments.ds = 0x100_0000
    segments.ss = 0x200_0000
    segments.es = 0x300_0000
    let rows: [(String, CodeMode, UInt64)] = [
      ("88 07", .long, 0x80),
      ("88 47 f0", .long, 0x70),
      ("88 87 00 00 00 80", .long, 0xffff_ffff_8000_0080),
      ("41 88 44 dd 01", .long, 0xe0 + 0x40 * 8 + 1),  // 1(%r13,%rbx,8)
      ("42 88 04 65 10 00 00 00", .long, 0xd0 * 2 + 0x10),  // 0x10(,%r12,2): r12 is an index, rsp never
      ("88 04 25 00 10 00 00", .long, 0x1000),  // absolute
      ("88 05 10 00 00 00", .long, 0x4016),  // rip-relative, next instruction at 0x4006
      ("67 88 05 10 00 00 00", .long, 0x4017),
      ("64 88 07", .long, 0x1_0000_0080),
      ("65 88 07", .long, 0xffff_8000_0000_0080),
      ("3e 88 07", .long, 0x80),  // no bases but FS and GS
      ("67 88 87 00 00 00 80", .long, 0x8000_0080),
      ("65 48 a3 08 07 06 05 04 03 02 01", .long, 0xffff_8000_0000_0000 &+ 0x0102_0304_0506_0708),
      ("88 07", .compatibility32, 0x100_0080),
      ("88 45 10", .compatibility32, 0x200_0070),  // ebp: stack segment
      ("26 88 45 10", .compatibility32, 0x300_0070),
      ("88 04 24", .compatibility32, 0x200_0050),
      ("88 05 10 00 00 00", .compatibility32, 0x100_0010),
      ("a2 10 00 00 00", .compatibility32, 0x100_0010),
      ("67 88 00", .compatibility32, 0x100_0040 + 0x70),  // bx+si
      ("67 88 42 ff", .compatibility32, 0x200_0060 + 0x70 - 1),  // bp+si-1
      ("67 88 06 00 10", .compatibility32, 0x100_1000),
      ("67 88 47 80", .compatibility32, 0x100_0000 + 0xffc0),  // bx-128 wraps at 64 KiB
      ("88 07", .compatibility16, 0x100_0040),  // bx
      ("67 88 07", .compatibility16, 0x100_0080),  // edi
      ("aa", .compatibility32, 0x300_0080),
    ]
    for (text, mode, expected) in rows {
      let instruction = try #require(decode(text, mode), "\(text)")
      let address = instruction.effectiveAddress(
        registers: numbered(), nextInstruction: 0x4000 + UInt64(instruction.length), segments: segments)
      #expect(address == expected, "\(text): \(String(address, radix: 16))")
    }
  }

  @Test func linearAddressesWrapInCompatibilityMode() throws {
    let instruction = try #require(decode("88 07", .compatibility32))
    var registers = GeneralRegisters()
    registers[.rdi] = 0xdead_beef_ffff_fff0
    var segments = SegmentBases()
    segments.ds = 0x20
    #expect(instruction.effectiveAddress(registers: registers, nextInstruction: 0, segments: segments) == 0x10)
  }

  @Test func movsReadsFromItsOverriddenSegment() throws {
    let plain = try #require(decode("a4"))
    let overridden = try #require(decode("65 48 a5"))
    let segments = SegmentBases(fs: 0, gs: 0x10_0000)
    #expect(plain.sourceAddress(registers: numbered(), segments: segments) == 0x70)
    #expect(overridden.sourceAddress(registers: numbered(), segments: segments) == 0x10_0070)
    #expect(overridden.effectiveAddress(registers: numbered(), nextInstruction: 0, segments: segments) == 0x80)
    #expect(try #require(decode("88 07")).sourceAddress(registers: numbered(), segments: segments) == nil)
  }

  @Test func refusals() {
    let rows: [(String, CodeMode, DecodeResult<MemoryInstruction>)] = [
      ("f0 88 07", .long, .invalid),  // lock mov
      ("f0 39 07", .long, .invalid),  // lock cmp
      ("f0 03 07", .long, .invalid),  // lock add to a register
      ("f0 0f a3 07", .long, .invalid),  // lock bt
      ("f0 84 07", .long, .invalid),  // lock test
      ("f0 aa", .long, .invalid),
      ("88 c0", .long, .unsupported),  // register to register
      ("c7 0f 00 00 00 00", .long, .unsupported),  // c7 /1
      ("ff 17", .long, .unsupported),  // call
      ("f7 27", .long, .unsupported),  // mul
      ("0f c7 3f", .long, .unsupported),
      ("0f ba 1f 00", .long, .unsupported),
      ("82 07 00", .long, .unsupported),
      ("63 07", .compatibility32, .unsupported),  // arpl
      ("90", .long, .unsupported),
      ("48 89", .long, .needMoreBytes),
      ("48 89 84 24 00 00 00", .long, .needMoreBytes),
      ("66 66 66 66 66 66 66 66 66 66 66 66 88 87 00", .long, .tooLong),
    ]
    for (text, mode, expected) in rows {
      #expect(MemoryInstruction.decode(InstructionBytes(bytes(text)), mode: mode) == expected, "\(text)")
    }
    #expect(decode("82 07 01", .compatibility32)?.operation == .add)
  }
}
