// SPDX-License-Identifier: Apache-2.0

// What the tests of Images share: memory with holes, byte arrays built field by field, and a seeded source of numbers.

import Foundation

@testable import Images

/// Physical memory that consists of a few pieces; everything else cannot be read.
struct FakeMemory: PhysicalMemory {
  var pieces: [(start: UInt64, bytes: [UInt8])] = []

  func byte(at address: UInt64) -> UInt8? {
    for piece in pieces where address >= piece.start && address - piece.start < UInt64(piece.bytes.count) {
      return piece.bytes[Int(address - piece.start)]
    }
    return nil
  }

  mutating func put(_ bytes: [UInt8], at address: UInt64) { pieces.append((address, bytes)) }

  func text(_ text: PhysicalText) -> String {
    String(decoding: (0..<text.length).map { byte(at: text.address + UInt64($0)) ?? 0x3f }, as: UTF8.self)
  }

  /// A captured memory image: pieces of address (8 bytes), length (4 bytes), bytes.
  init(fixture name: String) throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)")
    let data = [UInt8](try Data(contentsOf: path))
    var offset = 0
    while offset < data.count {
      let start = data.little(offset, 8)
      let length = Int(data.little(offset + 8, 4))
      put(Array(data[(offset + 12)..<(offset + 12 + length)]), at: start)
      offset += 12 + length
    }
  }

  init() {}
}

extension [UInt8] {
  func little(_ offset: Int, _ size: Int) -> UInt64 {
    (0..<size).reduce(0) { $0 | UInt64(self[offset + $1]) << UInt64(8 * $1) }
  }

  mutating func set(_ offset: Int, _ value: UInt64, _ size: Int) {
    for index in 0..<size { self[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
  }

  mutating func add(_ value: UInt64, _ size: Int) {
    for index in 0..<size { append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
  }

  mutating func pad(to alignment: Int) {
    while count % alignment != 0 { append(0) }
  }

  /// Makes the bytes sum to zero by changing the one at `offset`.
  mutating func fixSum(at offset: Int) {
    self[offset] = 0
    self[offset] = 0 &- reduce(0, &+)
  }
}

/// A repeatable source of numbers (SplitMix64).
struct Random: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// Calls `body` with the bytes cut off at every length, and with every bit of them flipped (in steps, for long ones).
func forEachDamage(_ bytes: [UInt8], step: Int = 1, _ body: ([UInt8]) -> Void) {
  for length in stride(from: 0, to: bytes.count, by: step) { body(Array(bytes[..<length])) }
  var damaged = bytes
  for bit in stride(from: 0, to: bytes.count * 8, by: step) {
    damaged[bit / 8] ^= 1 << UInt8(bit % 8)
    body(damaged)
    damaged[bit / 8] ^= 1 << UInt8(bit % 8)
  }
}
