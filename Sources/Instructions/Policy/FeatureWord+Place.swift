// SPDX-License-Identifier: Apache-2.0
//
// Where each word of features stands: its leaf and register, and its number in the public feature sets.

/// One of CPUID's four registers.
public enum CPUIDRegister: UInt8, Sendable {
  case eax
  case ebx
  case ecx
  case edx
}

extension CPUIDRegisters {
  /// The value of one register.
  public subscript(register: CPUIDRegister) -> UInt32 {
    get {
      switch register {
      case .eax: eax
      case .ebx: ebx
      case .ecx: ecx
      case .edx: edx
      }
    }
    set {
      switch register {
      case .eax: eax = newValue
      case .ebx: ebx = newValue
      case .ecx: ecx = newValue
      case .edx: edx = newValue
      }
    }
  }
}

extension FeatureWord {
  /// How many words there are that the feature table has rows for.
  public static var count: Int { 14 }

  /// The leaf, the subleaf (zero in leaves that have none), and the register.
  public var place: (leaf: UInt32, subleaf: UInt32, register: CPUIDRegister) {
    switch self {
    case .basicEDX: (1, 0, .edx)
    case .basicECX: (1, 0, .ecx)
    case .extendedEDX: (0x8000_0001, 0, .edx)
    case .extendedECX: (0x8000_0001, 0, .ecx)
    case .saveState: (0xd, 1, .eax)
    case .structuredEBX: (7, 0, .ebx)
    case .structuredECX: (7, 0, .ecx)
    case .powerEDX: (0x8000_0007, 0, .edx)
    case .capacityEBX: (0x8000_0008, 0, .ebx)
    case .structuredEDX: (7, 0, .edx)
    case .structured1EAX: (7, 1, .eax)
    case .extended2EAX: (0x8000_0021, 0, .eax)
    case .structured2EDX: (7, 2, .edx)
    case .extended2ECX: (0x8000_0021, 0, .ecx)
    }
  }
}

/// A feature set: the words that the public header arch-x86/cpufeatureset.h numbers.
public enum FeatureSetLayout {
  /// How many words a feature set has.
  public static var count: UInt32 { 19 }

  /// The words that MSR IA32_ARCH_CAPABILITIES makes: its lower and its upper half.
  public static var capabilities: (low: UInt32, high: UInt32) { (16, 17) }

  /// Where word `index` stands; nil for the halves of IA32_ARCH_CAPABILITIES and beyond the last.
  public static func place(_ index: UInt32) -> (leaf: UInt32, subleaf: UInt32, register: CPUIDRegister)? {
    switch index {
    // The first twelve are in the order of `FeatureWord`.
    case 0...11: FeatureWord(rawValue: UInt8(truncatingIfNeeded: index))?.place
    case 12: (7, 1, .ebx)
    case 13: FeatureWord.structured2EDX.place
    case 14: (7, 1, .ecx)
    case 15: (7, 1, .edx)
    case 18: FeatureWord.extended2ECX.place
    default: nil
    }
  }
}
