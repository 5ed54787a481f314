// SPDX-License-Identifier: Apache-2.0
// Undoes the x86 "branch/call/jump" filter, which XZ applies to kernels: the encoder replaced the relative targets of
// CALL and JMP (opcodes E8 and E9) by absolute ones, so that calls of one function look alike.

/// The x86 branch filter of XZ (filter ID 0x04).
enum X86BranchFilter {
  /// Turns absolute targets in `bytes` back into relative ones, in place.
  ///
  /// - Parameters:
  ///   - bytes: all that one block decodes to.
  ///   - start: the address that the encoder took for the first byte.
  @inline(never)
  static func undo(_ bytes: inout MutableSpan<UInt8>, start: UInt32) {
    // An operand is an address only if its top byte is a sign extension; and opcode bytes inside the operand of an
    // earlier opcode make it doubtful. `doubts` has bit n - 1 set if the byte n before was an opcode left alone.
    var doubts = 0
    var last = -8
    var position = 0
    let end = bytes.count &- 4
    while true {
      position = nextOpcode(bytes.span, from: position)
      guard position < end else { return }
      let gap = position &- last
      last = position
      doubts = gap > 3 ? 0 : (doubts &<< (gap &- 1)) & 7

      // How many bytes before the operand's last one the oldest doubt reaches; 0 without doubts.
      let reach = doubts < 2 ? doubts : (doubts < 4 ? 2 : 3)
      let isTooDoubtful = doubts == 3 || doubts > 4
      if !isSignExtension(bytes[position &+ 4])
        || (doubts != 0 && (isTooDoubtful || isSignExtension(bytes[position &+ 4 &- reach])))
      {
        doubts = doubts &<< 1 | 1
        position = position &+ 1
        continue
      }

      let next = start &+ UInt32(truncatingIfNeeded: position &+ 5)
      let absolute = operand(bytes.span, at: position &+ 1)
      var relative = absolute &- next
      if doubts != 0, isSignExtension(UInt8(truncatingIfNeeded: relative &>> UInt32(24 &- 8 &* reach))) {
        // The encoder saw such a result too, and went round once more with the low bits turned over.
        relative = (relative ^ (UInt32.max &>> UInt32(8 &* reach))) &- next
      }
      // Bit 24 is the sign.
      relative = relative & 0x01FF_FFFF
      relative = relative | (0 &- (relative & 0x0100_0000))
      setOperand(&bytes, at: position &+ 1, relative)
      position = position &+ 5
    }
  }

  @inline(__always)
  private static func isSignExtension(_ byte: UInt8) -> Bool { byte &+ 1 < 2 }

  /// The offset of the first E8 or E9 from `start` on; at least `bytes.count` if there is none.
  @inline(__always)
  private static func nextOpcode(_ bytes: Span<UInt8>, from start: Int) -> Int {
    var position = start
    while position <= bytes.count &- 8 {
      // Bytes that are zero now are opcodes; the lowest of the marked bytes is certainly one.
      let word = bytes.wide(at: position) & 0xFEFE_FEFE_FEFE_FEFE ^ 0xE8E8_E8E8_E8E8_E8E8
      let marks = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
      if marks != 0 { return position &+ marks.trailingZeroBitCount &>> 3 }
      position = position &+ 8
    }
    while position < bytes.count, bytes[position] & 0xFE != 0xE8 { position = position &+ 1 }
    return position
  }

  @inline(__always)
  private static func operand(_ bytes: Span<UInt8>, at offset: Int) -> UInt32 {
    let field = bytes.extracting(droppingFirst: offset)
    guard field.count >= 4 else { return 0 }
    return UInt32(field[0]) | UInt32(field[1]) &<< 8 | UInt32(field[2]) &<< 16 | UInt32(field[3]) &<< 24
  }

  @inline(__always)
  private static func setOperand(_ bytes: inout MutableSpan<UInt8>, at offset: Int, _ value: UInt32) {
    var field = bytes._mutatingExtracting(droppingFirst: offset)
    guard field.count >= 4 else { return }
    field[0] = UInt8(truncatingIfNeeded: value)
    field[1] = UInt8(truncatingIfNeeded: value &>> 8)
    field[2] = UInt8(truncatingIfNeeded: value &>> 16)
    field[3] = UInt8(truncatingIfNeeded: value &>> 24)
  }
}
