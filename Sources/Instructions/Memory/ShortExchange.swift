// SPDX-License-Identifier: Apache-2.0
// The one instruction that is emulated all the time: kernels take entries out of live page tables by XCHG.

/// XCHG of a 64-bit register and memory, in the forms that need no more than a base register and a short displacement: a REX
/// prefix with W, 87, and ModRM with mod 0 or 1. All other instructions are the full decoder's.
public struct ShortExchange: Equatable, Sendable {
  /// The register operand's number, 0 to 15.
  public let register: UInt8
  /// Bytes of the instruction: 3 or 4.
  public let length: UInt64

  /// Decodes the first bytes of an instruction, the first one lowest; nil for any other instruction.
  @inlinable @inline(__always)
  public init?(_ bytes: UInt64) {
    // 0100 1rxb, 1000 0111, 0mrr rmmm.
    guard bytes & 0x80_fff8 == 0x00_8748 else { return nil }
    let low = bytes &>> 16 & 7
    let hasDisplacement = bytes & 0x40_0000 != 0
    // 4 means a SIB byte; 5 without a displacement means relative to the instruction.
    guard low != 4, low != 5 || hasDisplacement else { return nil }
    register = UInt8(truncatingIfNeeded: bytes &>> 19 & 7 | (bytes & 4) &<< 1)
    length = hasDisplacement ? 4 : 3
  }
}
