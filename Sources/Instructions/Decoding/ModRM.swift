// SPDX-License-Identifier: Apache-2.0
//
// The ModRM byte with its SIB and displacement, for 16, 32 and 64-bit addressing.

/// A ModRM byte, its register numbers widened by REX.
struct ModRM {
  let byte: UInt8
  private let prefixes: Prefixes

  init(_ reader: inout InstructionReader, _ prefixes: Prefixes) {
    byte = reader.next()
    self.prefixes = prefixes
  }

  /// True when the operand is a register.
  var isRegister: Bool { byte >= 0xc0 }
  /// Bits 3 to 5: an opcode extension.
  var group: UInt8 { (byte >> 3) & 7 }
  /// Bits 3 to 5 and REX.R: a register number.
  var register: UInt8 { group | prefixes.registerExtension }
  /// Bits 0 to 2 and REX.B: a register number; of use when `isRegister`.
  var operandRegister: UInt8 { (byte & 7) | prefixes.baseExtension }

  /// Reads the rest of the memory operand. Only when not `isRegister`.
  func address(_ reader: inout InstructionReader) -> AddressExpression {
    prefixes.addressSize == .word ? wordAddress(&reader) : wideAddress(&reader)
  }

  /// 32 and 64-bit addressing.
  private func wideAddress(_ reader: inout InstructionReader) -> AddressExpression {
    let displacementMode = byte >> 6
    let low = byte & 7
    var address = AddressExpression(.ds, size: prefixes.addressSize, mode: prefixes.mode)
    var hasLongDisplacement = displacementMode == 2
    if low == 4 {
      let sib = reader.next()
      let index = ((sib >> 3) & 7) | prefixes.indexExtension
      if index != 4 {
        address.index = GeneralRegister(encoding: index)
        address.scale = sib >> 6
      }
      if sib & 7 == 5 && displacementMode == 0 {
        hasLongDisplacement = true
      } else {
        address.base = GeneralRegister(encoding: (sib & 7) | prefixes.baseExtension)
      }
    } else if low == 5 && displacementMode == 0 {
      hasLongDisplacement = true
      address.isInstructionRelative = prefixes.mode == .long
    } else {
      address.base = GeneralRegister(encoding: low | prefixes.baseExtension)
    }
    if hasLongDisplacement {
      address.displacement = reader.nextSignExtended(.doubleword)
    } else if displacementMode == 1 {
      address.displacement = reader.nextSignExtended(.byte)
    }
    if address.base == .rsp || address.base == .rbp { address.segment = .ss }
    if let segment = prefixes.segment { address.segment = segment }
    return address
  }

  /// 16-bit addressing: the eight fixed register pairs.
  private func wordAddress(_ reader: inout InstructionReader) -> AddressExpression {
    let displacementMode = byte >> 6
    let low = byte & 7
    var address = AddressExpression(.ds, size: .word, mode: prefixes.mode)
    switch low {
    case 0, 1, 7: address.base = .rbx
    case 2, 3: address.base = .rbp
    case 4: address.base = .rsi
    case 5: address.base = .rdi
    default: address.base = displacementMode == 0 ? nil : .rbp
    }
    switch low {
    case 0, 2: address.index = .rsi
    case 1, 3: address.index = .rdi
    default: break
    }
    if displacementMode == 2 || (low == 6 && displacementMode == 0) {
      address.displacement = reader.nextSignExtended(.word)
    } else if displacementMode == 1 {
      address.displacement = reader.nextSignExtended(.byte)
    }
    if address.base == .rbp { address.segment = .ss }
    if let segment = prefixes.segment { address.segment = segment }
    return address
  }
}
