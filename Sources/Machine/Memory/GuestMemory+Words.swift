// SPDX-License-Identifier: Apache-2.0
// A few words of guest memory at once, without a detour through a buffer: entry frames, and the small requests of hypercalls.
import CMachine

/// Two, three and nine words as they stood in guest memory.
public typealias GuestWords2 = martlet_words2
public typealias GuestWords3 = martlet_words3
public typealias GuestWords9 = martlet_words9

extension GuestMemory {
  /// As `allows`, for a constant number of bytes (at most a page).
  @inlinable @inline(__always)
  static func allowsFew(_ start: LinearAddress, bytes: UInt64) -> Bool {
    // Two comparisons: no wrap-around, and the first byte is not in the region nor so little below it that the range gets in.
    start.raw <= 0 &- bytes && start.raw &- (0xffff_8000_0000_0000 &- bytes &+ 1) >= 0x800_0000_0000 &+ bytes &- 1
  }

  /// Reads two words.
  @inlinable @inline(__always)
  public static func readWords2(_ from: LinearAddress) throws(GuestFault) -> GuestWords2 {
    var words = GuestWords2()
    // SAFETY: 1. Our side is the local; 2. the guest's side is checked, and faults safely.
    guard allowsFew(from, bytes: 16), unsafe martlet_read_words2(from.raw, &words) else { throw GuestFault() }
    return words
  }

  /// Reads three words.
  @inlinable @inline(__always)
  public static func readWords3(_ from: LinearAddress) throws(GuestFault) -> GuestWords3 {
    var words = GuestWords3()
    // SAFETY: as in readWords2.
    guard allowsFew(from, bytes: 24), unsafe martlet_read_words3(from.raw, &words) else { throw GuestFault() }
    return words
  }

  /// Reads nine words.
  @inlinable @inline(__always)
  public static func readWords9(_ from: LinearAddress) throws(GuestFault) -> GuestWords9 {
    var words = GuestWords9()
    // SAFETY: as in readWords2.
    guard allowsFew(from, bytes: 72), unsafe martlet_read_words9(from.raw, &words) else { throw GuestFault() }
    return words
  }

  /// Writes seven words. Gives whether all were written.
  @inlinable @inline(__always)
  public static func writeWords(
    _ to: LinearAddress, _ w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64, _ w4: UInt64, _ w5: UInt64, _ w6: UInt64
  ) -> Bool {
    allowsFew(to, bytes: 56) && martlet_write_words7(to.raw, w0, w1, w2, w3, w4, w5, w6)
  }

  /// Writes eight words. Gives whether all were written.
  @inlinable @inline(__always)
  public static func writeWords(
    _ to: LinearAddress, _ w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64, _ w4: UInt64, _ w5: UInt64, _ w6: UInt64,
    _ w7: UInt64
  ) -> Bool {
    allowsFew(to, bytes: 64) && martlet_write_words8(to.raw, w0, w1, w2, w3, w4, w5, w6, w7)
  }
}
