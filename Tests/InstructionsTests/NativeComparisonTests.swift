// SPDX-License-Identifier: Apache-2.0
//
// Executes random memory instructions both by the emulator and on this machine's CPU, and compares registers, flags and
// memory. Decoding is under test as well: a wrong length, address or operand shows as a difference or a fault.

import CInstructionOracle
import Glibc
import Instructions
import Testing

/// What one comparison run works on.
private struct Trial {
  var bytes: [UInt8]
  var instruction: MemoryInstruction
  var registers: GeneralRegisters
  var flags: ProcessorFlags
}

/// The flags that an operation defines; the rest differ between processors.
private func definedFlags(_ operation: MemoryOperation) -> UInt64 {
  switch operation {
  case .and, .or, .xor, .test: 0x8c5  // AF undefined
  case .bitTest, .bitTestSet, .bitTestReset, .bitTestComplement: 0x41  // CF, and ZF which stays
  default: 0x8d5
  }
}

/// A random instruction of the repertoire: prefixes, opcode, ModRM in memory form, and enough bytes behind.
private func randomInstruction(_ generator: inout SeededGenerator) -> [UInt8] {
  var result: [UInt8] = []
  if generator.next() % 4 == 0 { result.append(0x66) }
  if generator.next() % 6 == 0 { result.append(0x67) }
  if generator.next() % 8 == 0 { result.append(0xf0) }
  if generator.next() % 8 == 0 { result.append([0x26, 0x2e, 0x36, 0x3e].randomElement(using: &generator)!) }
  let plain: [UInt8] = [
    0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b, 0x10, 0x11, 0x12, 0x13, 0x18, 0x19, 0x1a, 0x1b, 0x20, 0x21, 0x22,
    0x23, 0x28, 0x29, 0x2a, 0x2b, 0x30, 0x31, 0x32, 0x33, 0x38, 0x39, 0x3a, 0x3b, 0x63, 0x80, 0x81, 0x83, 0x84, 0x85,
    0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xaa, 0xab, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe,
    0xff,
  ]
  let extended: [UInt8] = [
    0xa3, 0xab, 0xb3, 0xbb, 0xba, 0xb0, 0xb1, 0xc0, 0xc1, 0xc3, 0xc7, 0xb6, 0xb7, 0xbe, 0xbf,
  ]
  let opcode = generator.next() % 3 == 0 ? nil : plain.randomElement(using: &generator)!
  if let opcode, [0xa4, 0xa5, 0xaa, 0xab].contains(opcode), generator.next() % 2 == 0 { result.append(0xf3) }
  if generator.next() % 2 == 0 { result.append(0x40 | UInt8(generator.next() & 15)) }
  if let opcode { result.append(opcode) } else { result += [0x0f, extended.randomElement(using: &generator)!] }
  result.append(UInt8(generator.next() % 0xc0))
  while result.count < 15 { result.append(UInt8(truncatingIfNeeded: generator.next())) }
  return result
}

/// Rewrites displacements that no register can bring into the data area (absolute and RIP-relative ones).
private func place(_ trial: inout Trial, at target: UInt64) -> Bool {
  let address = trial.instruction.address
  guard address.base == nil else { return true }
  let end = Int(trial.instruction.length)
  if address.displacement == 0 && address.index == nil && !address.isInstructionRelative { return false }
  // Find where the displacement sits: its little-endian bytes in the instruction.
  let isOffset = address.index == nil && !address.isInstructionRelative && (0xa0...0xa3).contains(opcode(trial))
  let width = isOffset ? Int(address.addressSize.byteCount) : 4
  var delta = target
  if address.isInstructionRelative { delta &-= oracle_code_address() &+ UInt64(end) }
  if let index = address.index { delta &-= trial.registers[index] << UInt64(address.scale) }
  let wanted = isOffset ? address.displacement : address.displacement & 0xffff_ffff
  for start in 1..<max(end - width + 1, 2) where start + width <= end {
    let found = (0..<width).reduce(0 as UInt64) { $0 | UInt64(trial.bytes[start + $1]) << (8 * UInt64($1)) }
    if found == wanted {
      for offset in 0..<width {
        trial.bytes[start + offset] = UInt8(truncatingIfNeeded: delta >> (8 * UInt64(offset)))
      }
      return true
    }
  }
  return false
}

private func opcode(_ trial: Trial) -> UInt8 {
  let prefixes: [UInt8] = [0x66, 0x67, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0xf3]
  return trial.bytes.first { !prefixes.contains($0) && !(0x40...0x4f).contains($0) } ?? 0
}

/// Runs the emulator over `data`, whose first byte lies at `origin`. Returns nil when an access falls outside of it.
private func emulate(_ trial: inout Trial, _ data: inout [UInt8], origin: UInt64) -> Bool {
  let next = oracle_code_address() &+ UInt64(trial.instruction.length)
  let size = Int(trial.instruction.size.byteCount)
  func read(_ address: UInt64) -> MemoryValue? {
    guard address >= origin, address &- origin <= UInt64(data.count - size) else { return nil }
    let start = Int(address &- origin)
    var words: [UInt64] = [0, 0]
    for index in 0..<size { words[index / 8] |= UInt64(data[start + index]) << (8 * UInt64(index % 8)) }
    return MemoryValue(words[0], high: words[1])
  }
  for _ in 0..<64 {
    let target = trial.instruction.effectiveAddress(
      registers: trial.registers, nextInstruction: next, segments: SegmentBases())
    if trial.instruction.iteration.isExhausted(trial.registers) { return true }
    let source = trial.instruction.sourceAddress(registers: trial.registers, segments: SegmentBases())
    guard let value = read(source ?? target), read(target) != nil else { return false }
    if trial.instruction.requiresAlignment && target % 16 != 0 { return false }
    let outcome = trial.instruction.execute(
      memoryValue: value, registers: &trial.registers, flags: &trial.flags)
    if case .store(let stored) = outcome.effect {
      for index in 0..<size {
        let word = index < 8 ? stored.low : stored.high
        data[Int(target &- origin) + index] = UInt8(truncatingIfNeeded: word >> (8 * UInt64(index % 8)))
      }
    }
    if outcome.isFinished { return true }
  }
  return false
}

/// Gives registers that bring the operand near the middle of the data area, and sometimes make comparisons succeed.
private func chooseRegisters(
  _ trial: inout Trial, _ generator: inout SeededGenerator, _ data: [UInt8], _ origin: UInt64
) {
  for index in 0..<16 { trial.registers.words[index] = generator.next() }
  let small: [UInt64] = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fff_ffff, 0x8000_0000, UInt64.max, 1 << 63]
  for index in 0..<16 where generator.next() % 3 == 0 {
    trial.registers.words[index] = small.randomElement(using: &generator)!
  }
  let instruction = trial.instruction
  if instruction.iteration.repeats { trial.registers[.rcx] = generator.next() % 6 }
  // A register bit offset within a few hundred bytes, in either direction.
  switch instruction.operation {
  case .bitTest, .bitTestSet, .bitTestReset, .bitTestComplement:
    if case .register(let operand) = instruction.other {
      let bit = UInt64(bitPattern: Int64(generator.next() % 8192) - 4096)
      trial.registers.write(bit, to: operand, instruction.size)
    }
  default: break
  }
  if instruction.operation == .moveString || instruction.operation == .storeString {
    trial.registers[.rsi] = origin + 1024 + generator.next() % 512
    trial.registers[.rdi] = origin + 1200 + generator.next() % 512
    return
  }
  let aligned: UInt64 = instruction.requiresAlignment ? 16 : 1
  let target = origin + (2048 + generator.next() % 512) / aligned * aligned
  if let base = instruction.address.base {
    let next = oracle_code_address() &+ UInt64(instruction.length)
    for _ in 0..<2 {
      let now = instruction.address.offset(trial.registers, nextInstruction: next)
      trial.registers[base] &+= target &- now
    }
  }
  // Half of the comparisons succeed.
  if generator.next() % 2 == 0 {
    let at = Int(target - origin)
    func word(_ start: Int, _ count: Int) -> UInt64 {
      (0..<count).reduce(0) { $0 | UInt64(data[start + $1]) << (8 * UInt64($1)) }
    }
    if instruction.operation == .compareExchange && instruction.address.base != .rax
      && instruction.address.index != .rax
    {
      trial.registers.write(word(at, min(Int(instruction.size.byteCount), 8)), to: .rax, instruction.size)
    } else if instruction.operation == .compareExchangePair {
      let half = Int(instruction.size.byteCount) / 2
      if instruction.address.base != .rax && instruction.address.index != .rax {
        trial.registers[.rax] = word(at, half)
      }
      if instruction.address.base != .rdx && instruction.address.index != .rdx {
        trial.registers[.rdx] = word(at + half, half)
      }
    }
  }
}

@Suite struct NativeComparisonTests {
  @Test func randomInstructionsBehaveAsOnTheProcessor() throws {
    oracle_lock()
    defer { oracle_unlock() }
    let pointer = try #require(oracle_data())
    let origin = UInt64(UInt(bitPattern: pointer))
    var generator = SeededGenerator(seed: 0x4d61_7274_6c65_7401)
    var ran: [MemoryOperation: Int] = [:]
    var failed: [MemoryOperation: Int] = [:]
    var refusedLocks = 0
    // Both memories start equal and must stay so: only their difference is ever looked for.
    var data = (0..<4096).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    for index in 0..<data.count { pointer[index] = data[index] }
    for round in 0..<100_000 {
      let candidate = randomInstruction(&generator)
      let decoded = MemoryInstruction.decode(InstructionBytes(candidate), mode: .long)
      if case .invalid = decoded, refusedLocks < 200 {
        refusedLocks += 1
        var state = oracle_state()
        #expect(oracle_run(&state, candidate, candidate.count) == 4, "not #UD: \(candidate.hex)")
        continue
      }
      guard case .decoded(let instruction) = decoded else { continue }
      var trial = Trial(
        bytes: candidate, instruction: instruction, registers: GeneralRegisters(), flags: ProcessorFlags())
      chooseRegisters(&trial, &generator, data, origin)
      let aligned: UInt64 = instruction.requiresAlignment ? 16 : 1
      guard place(&trial, at: origin + (1024 + generator.next() % 2048) / aligned * aligned) else { continue }
      guard case .decoded(let placed) = MemoryInstruction.decode(InstructionBytes(trial.bytes), mode: .long) else {
        Issue.record("no longer decodes: \(trial.bytes.hex)")
        continue
      }
      trial.instruction = placed
      trial.flags = ProcessorFlags(rawValue: 0x202 | (generator.next() & 0xcd5))

      var state = oracle_state()
      var before = trial.registers
      withUnsafeMutableBytes(of: &state.registers) { raw in
        for index in 0..<16 { raw.storeBytes(of: before.words[index], toByteOffset: index * 8, as: UInt64.self) }
      }
      before = trial.registers
      state.flags = trial.flags.rawValue
      guard emulate(&trial, &data, origin: origin) else {
        // The emulator says the access leaves the data area (or is misaligned): then it must fault for real.
        let signal = oracle_run(&state, trial.bytes, Int(placed.length))
        #expect(signal == SIGSEGV || signal == SIGBUS, "no fault: \(trial.bytes.hex) \(placed)")
        for index in 0..<data.count { data[index] = pointer[index] }
        continue
      }
      let signal = oracle_run(&state, trial.bytes, Int(placed.length))
      ran[placed.operation, default: 0] += 1
      let after = withUnsafeBytes(of: &state.registers) { raw in
        (0..<16).map { raw.load(fromByteOffset: $0 * 8, as: UInt64.self) }
      }
      let mine = (0..<16).map { trial.registers.words[$0] }
      let mask = definedFlags(placed.operation)
      let isSame =
        signal == 0 && after == mine && state.flags & mask == trial.flags.rawValue & mask
        && memcmp(pointer, data, data.count) == 0
      if !isSame {
        for index in 0..<data.count { data[index] = pointer[index] }
        failed[placed.operation, default: 0] += 1
        if failed.count < 5 {
          let flags = [state.flags, trial.flags.rawValue].map { String($0 & mask, radix: 16) }
          let code = Array(trial.bytes.prefix(Int(placed.length))).hex
          Issue.record("round \(round): \(code) signal \(signal) flags \(flags) \(placed)")
        }
      }
    }
    #expect(failed.isEmpty)
    #expect(refusedLocks > 50)
    // Every operation must really have run, or the comparison proves nothing.
    let all: [MemoryOperation] = [
      .load, .store, .loadZeroExtended, .loadSignExtended, .storeString, .moveString, .exchange, .exchangeAdd,
      .compareExchange, .compareExchangePair, .add, .or, .addWithCarry, .subtractWithBorrow, .and, .subtract, .xor,
      .compare, .test, .increment, .decrement, .not, .negate, .bitTest, .bitTestSet, .bitTestReset, .bitTestComplement,
    ]
    for operation in all { #expect(ran[operation, default: 0] >= 200, "\(operation) ran too rarely") }
  }
}
