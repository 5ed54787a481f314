// SPDX-License-Identifier: Apache-2.0
//
// The code-segment mode an instruction is decoded in: it sets default sizes and whether REX exists.

/// How the current code segment is decoded (CS.L and CS.D).
public enum CodeMode: UInt8, Sendable {
  /// CS.L = 0, CS.D = 0.
  case compatibility16
  /// CS.L = 0, CS.D = 1.
  case compatibility32
  /// CS.L = 1.
  case long

  /// The width of an address without an address-size prefix.
  var defaultAddressSize: OperandSize {
    switch self {
    case .compatibility16: .word
    case .compatibility32: .doubleword
    case .long: .quadword
    }
  }

  /// The width of an address with an address-size prefix (0x67).
  var overriddenAddressSize: OperandSize {
    switch self {
    case .compatibility16, .long: .doubleword
    case .compatibility32: .word
    }
  }
}
