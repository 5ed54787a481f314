// SPDX-License-Identifier: Apache-2.0
//
// Which leaf 1 and leaf 0xD feature bits a PV guest sees, bit by bit, each hidden one with its reason. Names and bit
// numbers are those of the public header arch-x86/cpufeatureset.h; bits without a row are hidden. Pure tables.

extension FeatureTable {
  /// Leaf 1 EDX.
  static var basicEDX: InlineArray<29, FeatureBit> {
    [
      FeatureBit(0, "fpu", .shown),
      FeatureBit(1, "vme", .hidden),  // virtual-8086 mode does not exist in long mode
      FeatureBit(2, "de", .shown),
      FeatureBit(3, "pse", .hidden),  // no large pages in PV tables
      FeatureBit(4, "tsc", .shown),
      FeatureBit(5, "msr", .shown),
      FeatureBit(6, "pae", .shown),
      FeatureBit(7, "mce", .shown),
      FeatureBit(8, "cx8", .shown),
      FeatureBit(9, "apic", .shown),
      FeatureBit(11, "sep", .intel),
      FeatureBit(12, "mtrr", .controlDomain),  // memory types are the hypervisor's; Dom0 may look
      FeatureBit(13, "pge", .hidden),  // global bits in guest tables are the ABI's, CR4.PGE is not the guest's
      FeatureBit(14, "mca", .shown),  // with no banks, see MSRPolicy
      FeatureBit(15, "cmov", .shown),
      FeatureBit(16, "pat", .shown),
      FeatureBit(17, "pse36", .hidden),  // as pse
      FeatureBit(18, "psn", .hidden),  // serial number: privacy
      FeatureBit(19, "clflush", .shown),
      FeatureBit(21, "ds", .hidden),  // debug store writes through the hypervisor's back
      FeatureBit(22, "acpi", .shown),
      FeatureBit(23, "mmx", .shown),
      FeatureBit(24, "fxsr", .shown),
      FeatureBit(25, "sse", .shown),
      FeatureBit(26, "sse2", .shown),
      FeatureBit(27, "ss", .shown),
      FeatureBit(28, "htt", .computed),  // from the number of vCPUs
      FeatureBit(29, "tm", .hidden),  // thermal control is the hypervisor's
      FeatureBit(31, "pbe", .hidden),  // as tm
    ]
  }

  /// Leaf 1 ECX.
  static var basicECX: InlineArray<29, FeatureBit> {
    [
      FeatureBit(0, "sse3", .shown),
      FeatureBit(1, "pclmulqdq", .shown),
      FeatureBit(2, "dtes64", .hidden),  // as ds
      FeatureBit(3, "monitor", .hidden),  // MWAIT would keep a CPU from others; Linux asks by platform_op
      FeatureBit(4, "dscpl", .hidden),  // as ds
      FeatureBit(5, "vmx", .hidden),  // no nested virtualization
      FeatureBit(6, "smx", .hidden),  // as vmx
      FeatureBit(7, "eist", .hidden),  // frequency is the hypervisor's
      FeatureBit(8, "tm2", .hidden),  // as tm
      FeatureBit(9, "ssse3", .shown),
      FeatureBit(12, "fma", .vector),
      FeatureBit(13, "cx16", .shown),
      FeatureBit(14, "xtpr", .hidden),  // interrupt routing is the hypervisor's
      FeatureBit(15, "pdcm", .hidden),  // no performance counters
      FeatureBit(17, "pcid", .hidden),  // CR3 is the hypervisor's: a guest cannot tag it
      FeatureBit(18, "dca", .hidden),  // chipset routing is the hypervisor's
      FeatureBit(19, "sse4_1", .shown),
      FeatureBit(20, "sse4_2", .shown),
      FeatureBit(21, "x2apic", .hidden),  // no local APIC registers for PV; the public header says HVM only
      FeatureBit(22, "movbe", .shown),
      FeatureBit(23, "popcnt", .shown),
      FeatureBit(24, "tsc_deadline", .hidden),  // an APIC timer mode; PV has set_timer_op
      FeatureBit(25, "aesni", .shown),
      FeatureBit(26, "xsave", .extendedState),
      FeatureBit(27, "osxsave", .computed),  // the guest's CR4.OSXSAVE
      FeatureBit(28, "avx", .vector),
      FeatureBit(29, "f16c", .vector),
      FeatureBit(30, "rdrand", .shown),
      FeatureBit(31, "hypervisor", .set),
    ]
  }

  /// Leaf 0xD subleaf 1 EAX.
  static var saveState: InlineArray<5, FeatureBit> {
    [
      FeatureBit(0, "xsaveopt", .extendedState),
      FeatureBit(1, "xsavec", .extendedState),
      FeatureBit(2, "xgetbv1", .extendedState),
      FeatureBit(3, "xsaves", .hidden),  // a ring 0 instruction
      FeatureBit(4, "xfd", .hidden),  // its MSRs are not switched
    ]
  }
}
