// SPDX-License-Identifier: Apache-2.0
// Which interrupt arrives at which vector. A vector means the same on every CPU, so an interrupt can move between CPUs without
// a new one.
import Machine

/// The vectors of devices: 0x20 to 0xdf, but for 0x80, which guests may raise themselves.
struct InterruptVectors: ~Copyable {
  static let first = 0x20
  static let last = 0xdf
  static let guestGate = 0x80

  // The interrupt's number plus one; zero for a free vector.
  private var owners = InlineArray<256, UInt16>(repeating: 0)

  /// The interrupt that arrives at a vector; nil for none.
  func interrupt(_ vector: UInt8) -> UInt32? {
    let owner = owners[Int(vector)]
    return owner == 0 ? nil : UInt32(owner) &- 1
  }

  /// Gives `count` vectors in a row (a power of two, at most 32) to as many interrupts from `pirq` on. The first is a multiple
  /// of `count`: a function tells its messages apart by low bits. Nil if there are no such vectors left.
  mutating func allocate(_ count: Int, for pirq: UInt32) -> UInt8? {
    precondition(count >= 1 && count <= 32 && count & (count &- 1) == 0 && pirq < 0xff00)
    var start = InterruptVectors.first
    while start &+ count &- 1 <= InterruptVectors.last {
      var isFree = true
      for vector in start..<start &+ count where owners[vector] != 0 || vector == InterruptVectors.guestGate {
        isFree = false
      }
      if isFree {
        for index in 0..<count { owners[start &+ index] = UInt16(truncatingIfNeeded: pirq) &+ UInt16(index) &+ 1 }
        return UInt8(start)
      }
      start &+= count
    }
    return nil
  }

  /// Frees a vector.
  mutating func free(_ vector: UInt8) { owners[Int(vector)] = 0 }
}
