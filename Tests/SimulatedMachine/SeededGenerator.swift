// SPDX-License-Identifier: Apache-2.0
// Random numbers that are the same for the same seed.

/// A generator by SplitMix64: small, and good enough to spread test cases.
public struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  /// A generator whose numbers depend on `seed` alone.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
