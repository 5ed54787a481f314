// SPDX-License-Identifier: Apache-2.0
//
// The table of CPUID feature bits as one function: from a rule's acceptance to a mask. The rows are in the
// FeatureTable+... files; they are built on the stack when asked for, once per domain, and not kept as globals.

/// All CPUID feature bits that are known, by word.
public enum FeatureTable {
  /// The bits of `word` whose rule `accepts`.
  public static func mask(_ word: FeatureWord, _ accepts: (FeatureRule) -> Bool) -> UInt32 {
    var mask: UInt32 = 0
    visit(word) { row in if accepts(row.rule) { mask |= 1 &<< UInt32(row.bit) } }
    return mask
  }

  /// Calls `body` with each row of `word`.
  public static func visit(_ word: FeatureWord, _ body: (FeatureBit) -> Void) {
    switch word {
    case .basicEDX: each(basicEDX, body)
    case .basicECX: each(basicECX, body)
    case .extendedEDX: each(extendedEDX, body)
    case .extendedECX: each(extendedECX, body)
    case .saveState: each(saveState, body)
    case .structuredEBX: each(structuredEBX, body)
    case .structuredECX: each(structuredECX, body)
    case .powerEDX: each(powerEDX, body)
    case .capacityEBX: each(capacityEBX, body)
    case .structuredEDX: each(structuredEDX, body)
    case .structured1EAX: each(structured1EAX, body)
    case .extended2EAX: each(extended2EAX, body)
    case .structured2EDX: each(structured2EDX, body)
    case .extended2ECX: each(extended2ECX, body)
    }
  }

  private static func each<let count: Int>(_ rows: InlineArray<count, FeatureBit>, _ body: (FeatureBit) -> Void) {
    for index in rows.indices { body(rows[index]) }
  }
}
