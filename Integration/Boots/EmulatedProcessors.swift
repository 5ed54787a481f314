// SPDX-License-Identifier: Apache-2.0
//
// Every CPU model that QEMU 7.2 names, and what becomes of xl's guests on it. Models that QEMU's own emulation cannot tell apart
// (it leaves out features that it lacks) share a row: they are one machine. docs/processors.md has the same as a table.

/// Models that are alike under emulation.
public struct EmulatedProcessor: Sendable {
  /// What can be done on a model.
  public enum Use: Sendable {
    /// Guests come up.
    case guests
    /// A 32-bit processor: no x86-64 kernel starts, with a hypervisor or without.
    case hasNoLongMode
    /// QEMU 7.2's emulation itself never comes back from the write that switches XSAVE on (CR4.OSXSAVE), native Linux's as well.
    case emulationHangs
    /// QEMU passes this machine's own processor on, which only KVM can.
    case needsKVM
  }

  /// QEMU's names.
  public let names: [String]
  public let use: Use
  /// Whether `./martlet test` has guests come up there always; on the others with `--all` only.
  public var isAlwaysTested = false

  init(_ names: [String], _ use: Use = .guests) {
    self.names = names
    self.use = use
  }

  /// Every model, in the order of QEMU's list.
  public static let all = rows.map { row in
    var row = row
    row.isAlwaysTested = differing.contains(row.names[0])
    return row
  }

  /// Six that differ most: the oldest of Intel and of AMD (no XSAVE), Hygon's, one whose list of save areas has gaps, one with
  /// five levels of page tables, and all that emulation has.
  static let differing = ["Conroe", "Dhyana", "Icelake-Server", "Opteron_G1", "Skylake-Server", "max"]

  private static let rows = [
    EmulatedProcessor(["486", "486-v1"], .hasNoLongMode),
    EmulatedProcessor(["Broadwell", "Broadwell-v1"]),
    EmulatedProcessor(["Broadwell-IBRS", "Broadwell-v3"]),
    EmulatedProcessor(["Broadwell-noTSX", "Broadwell-v2"]),
    EmulatedProcessor(["Broadwell-noTSX-IBRS", "Broadwell-v4"]),
    EmulatedProcessor([
      "Cascadelake-Server", "Cascadelake-Server-noTSX", "Cascadelake-Server-v1", "Cascadelake-Server-v2",
      "Cascadelake-Server-v3", "Cascadelake-Server-v4", "Cascadelake-Server-v5",
    ]),
    EmulatedProcessor(["Conroe", "Conroe-v1"]),
    EmulatedProcessor(["Cooperlake", "Cooperlake-v1", "Cooperlake-v2"]),
    EmulatedProcessor(["Denverton", "Denverton-v1"]),
    EmulatedProcessor(["Denverton-v2", "Denverton-v3"]),
    EmulatedProcessor(["Dhyana", "Dhyana-v1", "Dhyana-v2"]),
    EmulatedProcessor(["EPYC", "EPYC-v1", "EPYC-v3"]),
    EmulatedProcessor(["EPYC-IBPB", "EPYC-v2"]),
    EmulatedProcessor(["EPYC-Milan", "EPYC-Milan-v1"]),
    EmulatedProcessor(["EPYC-Rome", "EPYC-Rome-v1", "EPYC-Rome-v2"]),
    EmulatedProcessor(["Haswell", "Haswell-v1"]),
    EmulatedProcessor(["Haswell-IBRS", "Haswell-v3"]),
    EmulatedProcessor(["Haswell-noTSX", "Haswell-v2"]),
    EmulatedProcessor(["Haswell-noTSX-IBRS", "Haswell-v4"]),
    EmulatedProcessor([
      "Icelake-Server", "Icelake-Server-noTSX", "Icelake-Server-v1", "Icelake-Server-v2", "Icelake-Server-v3",
    ]),
    EmulatedProcessor(["Icelake-Server-v4", "Icelake-Server-v5", "Icelake-Server-v6"]),
    EmulatedProcessor(["IvyBridge", "IvyBridge-v1"]),
    EmulatedProcessor(["IvyBridge-IBRS", "IvyBridge-v2"]),
    EmulatedProcessor(["KnightsMill", "KnightsMill-v1"]),
    EmulatedProcessor(["Nehalem", "Nehalem-v1"]),
    EmulatedProcessor(["Nehalem-IBRS", "Nehalem-v2"]),
    EmulatedProcessor(["Opteron_G1", "Opteron_G1-v1"]),
    EmulatedProcessor(["Opteron_G2", "Opteron_G2-v1"]),
    EmulatedProcessor(["Opteron_G3", "Opteron_G3-v1"]),
    EmulatedProcessor(["Opteron_G4", "Opteron_G4-v1"], .emulationHangs),
    EmulatedProcessor(["Opteron_G5", "Opteron_G5-v1"], .emulationHangs),
    EmulatedProcessor(["Penryn", "Penryn-v1"]),
    EmulatedProcessor(["SandyBridge", "SandyBridge-v1"]),
    EmulatedProcessor(["SandyBridge-IBRS", "SandyBridge-v2"]),
    EmulatedProcessor(["Skylake-Client", "Skylake-Client-v1"]),
    EmulatedProcessor(["Skylake-Client-IBRS", "Skylake-Client-v2"]),
    EmulatedProcessor(["Skylake-Client-noTSX-IBRS", "Skylake-Client-v3", "Skylake-Client-v4"]),
    EmulatedProcessor(["Skylake-Server", "Skylake-Server-v1"]),
    EmulatedProcessor(["Skylake-Server-IBRS", "Skylake-Server-v2"]),
    EmulatedProcessor(["Skylake-Server-noTSX-IBRS", "Skylake-Server-v3", "Skylake-Server-v4", "Skylake-Server-v5"]),
    EmulatedProcessor(["Snowridge", "Snowridge-v1"]),
    EmulatedProcessor(["Snowridge-v2", "Snowridge-v3", "Snowridge-v4"]),
    EmulatedProcessor(["Westmere", "Westmere-v1"]),
    EmulatedProcessor(["Westmere-IBRS", "Westmere-v2"]),
    EmulatedProcessor(["athlon", "athlon-v1"], .hasNoLongMode),
    EmulatedProcessor(["base"], .hasNoLongMode),
    EmulatedProcessor(["core2duo", "core2duo-v1"]),
    EmulatedProcessor(["coreduo", "coreduo-v1"], .hasNoLongMode),
    EmulatedProcessor(["kvm32", "kvm32-v1"], .hasNoLongMode),
    EmulatedProcessor(["kvm64", "kvm64-v1"]),
    EmulatedProcessor(["max"]),
    EmulatedProcessor(["n270", "n270-v1"], .hasNoLongMode),
    EmulatedProcessor(["pentium", "pentium-v1"], .hasNoLongMode),
    EmulatedProcessor(["pentium2", "pentium2-v1"], .hasNoLongMode),
    EmulatedProcessor(["pentium3", "pentium3-v1"], .hasNoLongMode),
    EmulatedProcessor(["phenom", "phenom-v1"]),
    EmulatedProcessor(["qemu32", "qemu32-v1"], .hasNoLongMode),
    EmulatedProcessor(["qemu64", "qemu64-v1"]),
    EmulatedProcessor(["host"], .needsKVM),
  ]
}
