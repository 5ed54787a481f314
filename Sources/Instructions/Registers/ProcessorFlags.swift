// SPDX-License-Identifier: Apache-2.0
//
// RFLAGS, and how arithmetic results set its six status bits.

/// The RFLAGS register. Bits not named here are reserved or of no meaning to a PV guest (VIF, VIP, VM).
public struct ProcessorFlags: OptionSet, Sendable {
  /// The register's value.
  public var rawValue: UInt64
  /// Flags from the register's value.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// CF, bit 0.
  public static var carry: Self { Self(rawValue: 1 << 0) }
  /// PF, bit 2.
  public static var parity: Self { Self(rawValue: 1 << 2) }
  /// AF, bit 4.
  public static var auxiliaryCarry: Self { Self(rawValue: 1 << 4) }
  /// ZF, bit 6.
  public static var zero: Self { Self(rawValue: 1 << 6) }
  /// SF, bit 7.
  public static var sign: Self { Self(rawValue: 1 << 7) }
  /// TF, bit 8.
  public static var trap: Self { Self(rawValue: 1 << 8) }
  /// IF, bit 9.
  public static var interrupt: Self { Self(rawValue: 1 << 9) }
  /// DF, bit 10.
  public static var direction: Self { Self(rawValue: 1 << 10) }
  /// OF, bit 11.
  public static var overflow: Self { Self(rawValue: 1 << 11) }
  /// IOPL, bits 12 and 13.
  public static var ioPrivilege: Self { Self(rawValue: 3 << 12) }
  /// NT, bit 14.
  public static var nestedTask: Self { Self(rawValue: 1 << 14) }
  /// RF, bit 16.
  public static var resume: Self { Self(rawValue: 1 << 16) }
  /// AC, bit 18.
  public static var alignmentCheck: Self { Self(rawValue: 1 << 18) }
  /// ID, bit 21.
  public static var identification: Self { Self(rawValue: 1 << 21) }

  /// The six status flags: CF, PF, AF, ZF, SF, OF.
  public static var status: Self { Self(rawValue: 0x8d5) }

  /// Replaces the bits of `mask` by those of `new`.
  mutating func replace(_ mask: Self, by new: Self) {
    rawValue = (rawValue & ~mask.rawValue) | (new.rawValue & mask.rawValue)
  }

  /// ZF, SF and PF of a result of the given width.
  static func ofResult(_ result: UInt64, _ size: OperandSize) -> Self {
    var flags: UInt64 = 0
    if result & size.mask == 0 { flags |= 1 << 6 }
    if result & size.signBit != 0 { flags |= 1 << 7 }
    // PF looks at the low byte only: set when the number of ones is even.
    if (result & 0xff).nonzeroBitCount & 1 == 0 { flags |= 1 << 2 }
    return Self(rawValue: flags)
  }
}
