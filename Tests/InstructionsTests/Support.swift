// SPDX-License-Identifier: Apache-2.0
//
// Small helpers of the instruction tests: bytes from text, and a seeded generator that replays.

import Instructions

/// Instruction bytes from hexadecimal text, spaces between bytes.
func bytes(_ text: String) -> [UInt8] {
  text.split(separator: " ").map { UInt8($0, radix: 16)! }
}

extension InstructionBytes {
  init(_ array: [UInt8]) { self.init(array.span) }
}

/// SplitMix64: small, seedable, good enough to spread test cases.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

extension Array where Element == UInt8 {
  /// The bytes as hexadecimal text, for failure messages.
  var hex: String { map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined(separator: " ") }
}
