// SPDX-License-Identifier: Apache-2.0
//
// The shortcut for XCHG says what the full decoder says, for every instruction that starts so, or says nothing.

import Testing

@testable import Instructions

@Suite struct ShortExchangeTests {
  @Test func agreesWithTheDecoder() {
    var taken = 0
    for rex in UInt64(0)...255 {
      for opcode: UInt64 in [0x86, 0x87, 0x89, 0x90] {
        for modRM in UInt64(0)...255 {
          // What follows looks like a SIB byte and a displacement.
          let low = rex | opcode << 8 | modRM << 16 | 0x2211_0c44 << 24
          guard let short = ShortExchange(low) else { continue }
          taken += 1
          guard
            case .decoded(let full) = MemoryInstruction.decode(
              InstructionBytes(low: low, high: 0, count: 15), mode: .long)
          else {
            Issue.record("the decoder refuses \(String(low, radix: 16))")
            continue
          }
          #expect(full.operation == .exchange && full.size == .quadword)
          #expect(full.other == .register(RegisterOperand(GeneralRegister(encoding: short.register))))
          #expect(UInt64(full.length) == short.length)
        }
      }
    }
    // Eight REX prefixes with W, eight registers, and six bases without or seven with a displacement.
    #expect(taken == 8 * 8 * (6 + 7))
  }

  @Test(arguments: [
    (0x07_8748, 0, 3),  // xchg %rax, (%rdi)
    (0x0846_874c, 8, 4),  // xchg %r8, 8(%rsi)
  ])
  func decodes(_ bytes: UInt64, _ register: UInt8, _ length: UInt64) {
    let short = ShortExchange(bytes)
    #expect(short?.register == register && short?.length == length)
  }

  @Test(arguments: [0x0787, 0x07_8749_66, 0xc7_8748, 0x04_8748, 0x05_8748, 0x87_8748, 0x07_8648])
  func leavesOthersToTheDecoder(_ bytes: UInt64) { #expect(ShortExchange(bytes) == nil) }
}
