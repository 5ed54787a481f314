// SPDX-License-Identifier: Apache-2.0
// Random numbers that are the same for the same seed (xorshift, started by a multiplicative hash).

/// A stream of random numbers.
struct Random {
  private var state: UInt64

  init(seed: UInt64) {
    var z = seed &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    state = (z ^ z >> 31) | 1
  }

  /// The next 64 bits.
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_f491_4f6c_dd1d
  }

  /// A number from zero up to, but not with, `limit`.
  mutating func below(_ limit: Int) -> Int {
    Int((next() >> 32).multipliedReportingOverflow(by: UInt64(limit)).partialValue >> 32)
  }

  /// True `percent` times in a hundred.
  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

  /// One of a list that has some.
  mutating func pick<Element>(_ list: [Element]) -> Element { list[below(list.count)] }

  /// A number of any size, the small ones and the edges more often than the rest.
  mutating func number() -> UInt64 {
    switch below(8) {
    case 0: return 0
    case 1...3: return UInt64(below(16))
    case 4: return UInt64(below(4096))
    case 5: return UInt64(1) << UInt64(below(64)) &- UInt64(below(2))
    case 6: return UInt64.max &- UInt64(below(16))
    default: return next()
    }
  }
}
