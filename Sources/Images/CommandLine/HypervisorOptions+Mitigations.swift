// SPDX-License-Identifier: Apache-2.0

// Options about attacks by speculative execution: `spec-ctrl=`, `xpti=`, `pv-l1tf=`. The values are checked; nothing acts on
// them (`HypervisorOption.isEffective`).

extension HypervisorOptions {
  func checkSpeculation(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    guard let text = value.text else {
      if !value.isNegated { throw value.error("this needs a value: no, no-xen, or a list of mitigations") }
      return
    }
    try line.forEachItem(of: text) { item throws(OptionError) in
      if let all = line.boolean(item) ?? line.boolean(item, named: "xen") {
        if all { throw OptionError(item: item, message: "this can only be switched off: write no or no-xen") }
      } else if !isMitigation(item, of: line) {
        throw OptionError(item: item, message: "this is no mitigation of Xen 4.17; leave it out")
      }
    }
  }

  /// True when an item is one of the manual's mitigations: `name`, `no-name`, or `name=...`.
  private func isMitigation(_ item: Range<Int>, of line: Span<UInt8>) -> Bool {
    var name = line.part(of: item, before: UInt8(ascii: "="))
    if line.hasPrefix(name, "no-") { name = (name.lowerBound + 3)..<name.upperBound }
    let names: StaticString =
      " pv hvm msr-sc rsb md-clear ibpb-entry bti-thunk ibrs stibp ibpb ssbd psfd eager-fpu l1d-flush "
    let more: StaticString = "branch-harden srb-lock unpriv-mmio gds-mit div-scrub bhb-entry bhi-dis-s bhb-seq "
    return line.isWord(name, in: names) || line.isWord(name, in: more)
  }

  func checkIsolation(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    if value.optionalBoolean(of: line) != nil { return }
    try line.forEachItem(of: value.required) { item throws(OptionError) in
      if line.boolean(item) == nil, !line.equals(item, "default"), line.boolean(item, named: "dom0") == nil,
        line.boolean(item, named: "domu") == nil
      {
        throw OptionError(item: item, message: "the items are a boolean, default, dom0 and domu")
      }
    }
  }

  func checkL1TF(_ value: OptionValue, of line: Span<UInt8>) throws(OptionError) {
    if value.optionalBoolean(of: line) != nil { return }
    try line.forEachItem(of: value.required) { item throws(OptionError) in
      if line.boolean(item) == nil, line.boolean(item, named: "dom0") == nil, line.boolean(item, named: "domu") == nil {
        throw OptionError(item: item, message: "the items are a boolean, dom0 and domu")
      }
    }
  }
}
