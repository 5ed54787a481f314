// SPDX-License-Identifier: Apache-2.0
// Data to compress: small and large, dull and random, and something that looks like code to the x86 branch filter.

/// A small pseudorandom generator (SplitMix64), for the same data in every run.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}

/// Named input data for a compressor.
enum Sample: String, CaseIterable, Sendable {
  case empty, single, short, zeros, pattern, random, text, code, mixture

  var bytes: [UInt8] {
    var random = SplitMix(state: 42)
    switch self {
    case .empty: return []
    case .single: return [0x4D]
    case .short: return Array("martlet, martlet, martlet!".utf8)
    case .zeros: return [UInt8](repeating: 0, count: 40_000)
    case .pattern: return (0..<20_000).map { UInt8($0 % 7 &+ $0 / 3000) }
    case .random: return (0..<9_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    case .text: return Self.text(60_000, &random)
    case .code: return Self.code(30_000, &random)
    case .mixture:
      var bytes = Self.text(40_000, &random)
      bytes += [UInt8](repeating: 0x20, count: 5_000)
      bytes += Self.code(40_000, &random)
      bytes += (0..<30_000).map { _ in UInt8.random(in: 0...255, using: &random) }
      bytes += bytes[1_000..<50_000]
      return bytes
    }
  }

  /// Words of uneven frequency.
  private static func text(_ count: Int, _ random: inout SplitMix) -> [UInt8] {
    let words = (0..<400).map { _ in
      (0..<Int.random(in: 1...9, using: &random)).map { _ in
        UInt8.random(in: 97...122, using: &random)
      }
    }
    var bytes: [UInt8] = []
    while bytes.count < count {
      let index = Int.random(in: 0..<20, using: &random) * Int.random(in: 0..<20, using: &random)
      bytes += words[index] + [32]
    }
    return Array(bytes[..<count])
  }

  /// Calls and jumps with small and large operands, close together and overlapping.
  private static func code(_ count: Int, _ random: inout SplitMix) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      bytes += (0..<Int.random(in: 0...6, using: &random)).map { _ in
        [0xE8, 0xE9, 0x00, 0xFF, 0x48, 0x89, 0x90, 0xC3].randomElement(using: &random)!
      }
      let operand = UInt32.random(in: 0...0x000F_FFFF, using: &random)
      let signed = Bool.random(using: &random) ? operand : 0 &- operand
      bytes.append(Bool.random(using: &random) ? 0xE8 : 0xE9)
      bytes += (0..<4).map { UInt8(truncatingIfNeeded: signed >> ($0 * 8)) }
    }
    return Array(bytes[..<count])
  }
}
