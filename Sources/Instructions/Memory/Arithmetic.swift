// SPDX-License-Identifier: Apache-2.0
//
// The results and flags of the arithmetic group, bit by bit as the processor manuals define them. Where they leave a
// flag undefined (AF after logic) it is cleared, as current processors do.

/// A result together with the status flags it leaves behind.
struct ArithmeticResult {
  /// The result, at its operand's width.
  let value: UInt64
  /// CF, PF, AF, ZF, SF and OF.
  let flags: ProcessorFlags

  /// `left + right + carry`.
  static func adding(_ left: UInt64, _ right: UInt64, carry: Bool, _ size: OperandSize) -> Self {
    let left = left & size.mask
    let right = right & size.mask
    let sum = (left &+ right &+ (carry ? 1 : 0)) & size.mask
    // The carry out of each bit position, from the inputs and the sum.
    let carries = (left & right) | ((left | right) & ~sum)
    return Self(sum, carries: carries, overflow: (left ^ sum) & (right ^ sum), left ^ right ^ sum, size)
  }

  /// `left - right - borrow`.
  static func subtracting(_ left: UInt64, _ right: UInt64, borrow: Bool, _ size: OperandSize) -> Self {
    let left = left & size.mask
    let right = right & size.mask
    let difference = (left &- right &- (borrow ? 1 : 0)) & size.mask
    let borrows = (~left & right) | ((~left | right) & difference)
    return Self(
      difference, carries: borrows, overflow: (left ^ right) & (left ^ difference), left ^ right ^ difference, size)
  }

  /// A logical result: CF, OF and AF clear.
  static func logical(_ value: UInt64, _ size: OperandSize) -> Self {
    Self(value: value & size.mask, flags: .ofResult(value, size))
  }

  private init(value: UInt64, flags: ProcessorFlags) {
    self.value = value
    self.flags = flags
  }

  private init(_ value: UInt64, carries: UInt64, overflow: UInt64, _ nibbleCarry: UInt64, _ size: OperandSize) {
    var flags = ProcessorFlags.ofResult(value, size)
    if carries & size.signBit != 0 { flags.insert(.carry) }
    if overflow & size.signBit != 0 { flags.insert(.overflow) }
    if nibbleCarry & 0x10 != 0 { flags.insert(.auxiliaryCarry) }
    self.init(value: value, flags: flags)
  }
}
