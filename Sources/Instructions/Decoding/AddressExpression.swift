// SPDX-License-Identifier: Apache-2.0
//
// A memory operand as written in the instruction: segment, base, scaled index, displacement. It has a meaning only
// together with registers and segment bases, so that the same decoded value serves each retry.

/// Linear base addresses of the segment registers. In long mode only those of FS and GS are used.
public struct SegmentBases: Sendable {
  /// ES; zero in long mode.
  public var es: UInt64 = 0
  /// CS; zero in long mode.
  public var cs: UInt64 = 0
  /// SS; zero in long mode.
  public var ss: UInt64 = 0
  /// DS; zero in long mode.
  public var ds: UInt64 = 0
  /// FS.
  public var fs: UInt64 = 0
  /// GS.
  public var gs: UInt64 = 0

  /// Flat segments but for FS and GS.
  public init(fs: UInt64 = 0, gs: UInt64 = 0) {
    self.fs = fs
    self.gs = gs
  }

  /// The base of `segment`.
  public subscript(segment: SegmentRegister) -> UInt64 {
    switch segment {
    case .es: es
    case .cs: cs
    case .ss: ss
    case .ds: ds
    case .fs: fs
    case .gs: gs
    }
  }
}

/// A memory operand's address, not yet evaluated.
public struct AddressExpression: Equatable, Sendable {
  /// The segment whose base is added.
  public var segment: SegmentRegister
  /// The base register, if any.
  public var base: GeneralRegister?
  /// The index register, if any.
  public var index: GeneralRegister?
  /// Left shift applied to the index, 0 to 3.
  public var scale: UInt8
  /// Added after the registers; sign-extended to 64 bits.
  public var displacement: UInt64
  /// The width that the offset is computed in.
  public var addressSize: OperandSize
  /// True when the displacement counts from the next instruction's address.
  public var isInstructionRelative: Bool
  /// The mode it was decoded in: long mode ignores most segment bases, the others wrap linear addresses at 4 GiB.
  public var mode: CodeMode

  init(_ segment: SegmentRegister, base: GeneralRegister? = nil, size: OperandSize, mode: CodeMode) {
    self.segment = segment
    self.base = base
    self.index = nil
    self.scale = 0
    self.displacement = 0
    self.addressSize = size
    self.isInstructionRelative = false
    self.mode = mode
  }

  /// The offset inside the segment, truncated to the address size. `nextInstruction` is the address (RIP) of the
  /// instruction that follows.
  public func offset(_ registers: GeneralRegisters, nextInstruction: UInt64) -> UInt64 {
    var sum = displacement
    if let base { sum &+= registers[base] }
    if let index { sum &+= registers[index] &<< UInt64(scale) }
    if isInstructionRelative { sum &+= nextInstruction }
    return sum & addressSize.mask
  }

  /// The linear address of `offset` in this operand's segment.
  ///
  /// Neither canonical form nor segment limits are checked: the CPU has done so when the access itself faulted, and an
  /// address taken from registers alone must be checked by whoever uses it.
  public func linear(offset: UInt64, _ bases: SegmentBases) -> UInt64 {
    guard mode == .long else { return (bases[segment] &+ offset) & 0xffff_ffff }
    switch segment {
    case .fs, .gs: return bases[segment] &+ offset
    default: return offset
    }
  }

  /// The operand's linear address: `linear(offset:_:)` of `offset(_:nextInstruction:)`.
  public func effectiveAddress(
    registers: GeneralRegisters, nextInstruction: UInt64, segments: SegmentBases
  ) -> UInt64 {
    linear(offset: offset(registers, nextInstruction: nextInstruction), segments)
  }
}
