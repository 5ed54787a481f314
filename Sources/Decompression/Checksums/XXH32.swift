// SPDX-License-Identifier: Apache-2.0
// XXH32 with seed 0, the checksum of LZ4 frames, after the algorithm's published description.

/// The 32-bit xxHash.
enum XXH32 {
  private static var prime1: UInt32 { 0x9E37_79B1 }
  private static var prime2: UInt32 { 0x85EB_CA77 }
  private static var prime3: UInt32 { 0xC2B2_AE3D }
  private static var prime4: UInt32 { 0x27D4_EB2F }
  private static var prime5: UInt32 { 0x1656_67B1 }

  /// The hash of `bytes`.
  @inline(never)
  static func of(_ bytes: Span<UInt8>) -> UInt32 {
    var rest = bytes
    var hash: UInt32
    if rest.count >= 16 {
      var lane1 = prime1 &+ prime2
      var lane2 = prime2
      var lane3: UInt32 = 0
      var lane4 = 0 &- prime1
      while rest.count >= 16 {
        lane1 = round(lane1, word(rest, 0))
        lane2 = round(lane2, word(rest, 4))
        lane3 = round(lane3, word(rest, 8))
        lane4 = round(lane4, word(rest, 12))
        rest = rest.extracting(droppingFirst: 16)
      }
      hash = rotate(lane1, 1) &+ rotate(lane2, 7) &+ rotate(lane3, 12) &+ rotate(lane4, 18)
    } else {
      hash = prime5
    }
    hash = hash &+ UInt32(truncatingIfNeeded: bytes.count)
    while rest.count >= 4 {
      hash = rotate(hash &+ word(rest, 0) &* prime3, 17) &* prime4
      rest = rest.extracting(droppingFirst: 4)
    }
    for index in rest.indices {
      hash = rotate(hash &+ UInt32(rest[index]) &* prime5, 11) &* prime1
    }
    hash = (hash ^ hash &>> 15) &* prime2
    hash = (hash ^ hash &>> 13) &* prime3
    return hash ^ hash &>> 16
  }

  @inline(__always)
  private static func word(_ bytes: Span<UInt8>, _ offset: Int) -> UInt32 {
    UInt32(bytes[offset]) | UInt32(bytes[offset &+ 1]) &<< 8 | UInt32(bytes[offset &+ 2]) &<< 16
      | UInt32(bytes[offset &+ 3]) &<< 24
  }

  @inline(__always)
  private static func round(_ lane: UInt32, _ input: UInt32) -> UInt32 {
    rotate(lane &+ input &* prime2, 13) &* prime1
  }

  @inline(__always)
  private static func rotate(_ value: UInt32, _ by: UInt32) -> UInt32 { value &<< by | value &>> (32 &- by) }
}
