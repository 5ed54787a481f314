// SPDX-License-Identifier: Apache-2.0
// Sets of CPUs or nodes in guest memory (`struct xenctl_bitmap`, xen/xen.h): as many bits as the caller says, any number.
import CXenABI
import Machine
import Scheduling
import XenABI

/// The longest bitmap that is filled in, in bits: what is beyond our own bits has to be cleared in one stretch.
private let longestAnswer: UInt32 = 1 << 20

extension martlet_bitmap {
  private var bytes: Int { Int((UInt64(nr_bits) &+ 7) / 8) }

  /// Reads the set. Bits beyond its length and beyond the numbers that CPUs can have are not looked at.
  ///
  /// - Throws: `fault`.
  func load() throws(XenError) -> CPUMask {
    var mask = CPUMask()
    for index in 0..<min(bytes, CPUMask.capacity / 8) {
      let byte = try GuestMemory.fetch(LinearAddress(bitmap) + UInt64(index), initial: UInt8(0))
      for bit in 0..<8 where byte &>> UInt8(bit) & 1 != 0 && index &* 8 &+ bit < Int(nr_bits) {
        mask.insert(index &* 8 &+ bit)
      }
    }
    return mask
  }

  /// Whether `store` can fill it.
  ///
  /// - Throws: `invalid` if it is longer than 2^20 bits.
  func checkLength() throws(XenError) {
    guard nr_bits <= longestAnswer else { throw .invalid }
  }

  /// Fills in a set: what fits of it, and zeros in the rest of the last byte and all bytes that follow. The length has been
  /// checked.
  ///
  /// - Throws: `fault`.
  func store(_ mask: CPUMask) throws(XenError) {
    let own = min(bytes, CPUMask.capacity / 8)
    for index in 0..<own {
      var byte: UInt8 = 0
      for bit in 0..<8 where index &* 8 &+ bit < Int(nr_bits) && mask.contains(index &* 8 &+ bit) {
        byte |= 1 &<< UInt8(bit)
      }
      try GuestMemory.put(LinearAddress(bitmap) + UInt64(index), byte)
    }
    let rest = min(bytes, Int(longestAnswer / 8)) &- own
    guard rest <= 0 || GuestMemory.clear(LinearAddress(bitmap) + UInt64(own), count: rest) == rest else { throw .fault }
  }
}
