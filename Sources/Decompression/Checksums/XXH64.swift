// SPDX-License-Identifier: Apache-2.0
// XXH64 with seed 0, the checksum of Zstandard frames, after the algorithm's published description.

/// The 64-bit xxHash.
enum XXH64 {
  private static var prime1: UInt64 { 0x9E37_79B1_85EB_CA87 }
  private static var prime2: UInt64 { 0xC2B2_AE3D_27D4_EB4F }
  private static var prime3: UInt64 { 0x1656_67B1_9E37_79F9 }
  private static var prime4: UInt64 { 0x85EB_CA77_C2B2_AE63 }
  private static var prime5: UInt64 { 0x27D4_EB2F_1656_67C5 }

  /// The hash of `bytes`.
  @inline(never)
  static func of(_ bytes: Span<UInt8>) -> UInt64 {
    var rest = bytes
    var hash: UInt64
    if rest.count >= 32 {
      var lane1 = prime1 &+ prime2
      var lane2 = prime2
      var lane3: UInt64 = 0
      var lane4 = 0 &- prime1
      while rest.count >= 32 {
        lane1 = round(lane1, rest.wide(at: 0))
        lane2 = round(lane2, rest.wide(at: 8))
        lane3 = round(lane3, rest.wide(at: 16))
        lane4 = round(lane4, rest.wide(at: 24))
        rest = rest.extracting(droppingFirst: 32)
      }
      hash = rotate(lane1, 1) &+ rotate(lane2, 7) &+ rotate(lane3, 12) &+ rotate(lane4, 18)
      hash = merge(hash, lane1)
      hash = merge(hash, lane2)
      hash = merge(hash, lane3)
      hash = merge(hash, lane4)
    } else {
      hash = prime5
    }
    hash = hash &+ UInt64(truncatingIfNeeded: bytes.count)
    while rest.count >= 8 {
      hash = rotate(hash ^ round(0, rest.wide(at: 0)), 27) &* prime1 &+ prime4
      rest = rest.extracting(droppingFirst: 8)
    }
    if rest.count >= 4 {
      let word = UInt64(rest[0]) | UInt64(rest[1]) &<< 8 | UInt64(rest[2]) &<< 16 | UInt64(rest[3]) &<< 24
      hash = rotate(hash ^ (word &* prime1), 23) &* prime2 &+ prime3
      rest = rest.extracting(droppingFirst: 4)
    }
    for index in rest.indices {
      hash = rotate(hash ^ (UInt64(rest[index]) &* prime5), 11) &* prime1
    }
    hash = (hash ^ hash &>> 33) &* prime2
    hash = (hash ^ hash &>> 29) &* prime3
    return hash ^ hash &>> 32
  }

  @inline(__always)
  private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
    rotate(lane &+ input &* prime2, 31) &* prime1
  }

  @inline(__always)
  private static func merge(_ hash: UInt64, _ lane: UInt64) -> UInt64 {
    (hash ^ round(0, lane)) &* prime1 &+ prime4
  }

  @inline(__always)
  private static func rotate(_ value: UInt64, _ by: UInt64) -> UInt64 { value &<< by | value &>> (64 &- by) }
}
