// SPDX-License-Identifier: Apache-2.0
//
// Which 0x8000_00xx feature bits a PV guest sees, bit by bit, each hidden one with its reason. Names and bit numbers
// are those of the public header arch-x86/cpufeatureset.h; bits without a row are hidden. Pure tables.

extension FeatureTable {
  /// Leaf 0x80000001 EDX; AMD repeats bits of leaf 1 EDX here, which `CPUIDPolicy` copies.
  static var extendedEDX: InlineArray<9, FeatureBit> {
    [
      FeatureBit(11, "syscall", .shown),
      FeatureBit(20, "nx", .shown),
      FeatureBit(22, "mmxext", .shown),
      FeatureBit(25, "ffxsr", .shown),
      FeatureBit(26, "page1gb", .hidden),  // no large pages in PV tables
      FeatureBit(27, "rdtscp", .shown),
      FeatureBit(29, "lm", .shown),
      FeatureBit(30, "3dnowext", .shown),
      FeatureBit(31, "3dnow", .shown),
    ]
  }

  /// Leaf 0x80000001 ECX.
  static var extendedECX: InlineArray<23, FeatureBit> {
    [
      FeatureBit(0, "lahf_lm", .shown),
      FeatureBit(1, "cmp_legacy", .computed),  // with htt, on AMD
      FeatureBit(2, "svm", .hidden),  // no nested virtualization
      FeatureBit(3, "extapic", .hidden),  // APIC registers are the hypervisor's
      FeatureBit(4, "cr8_legacy", .hidden),  // no task priority for PV
      FeatureBit(5, "abm", .shown),
      FeatureBit(6, "sse4a", .shown),
      FeatureBit(7, "misalignsse", .shown),
      FeatureBit(8, "3dnowprefetch", .shown),
      FeatureBit(9, "osvw", .hidden),  // errata are the hypervisor's to work around
      FeatureBit(10, "ibs", .hidden),  // sampling sees the hypervisor
      FeatureBit(11, "xop", .vector),
      FeatureBit(12, "skinit", .hidden),  // as svm
      FeatureBit(13, "wdt", .hidden),  // a watchdog over the whole machine
      FeatureBit(15, "lwp", .hidden),  // XCR0 bit 62, not offered
      FeatureBit(16, "fma4", .vector),
      FeatureBit(19, "nodeid_msr", .hidden),  // topology of the host
      FeatureBit(21, "tbm", .shown),
      FeatureBit(22, "topoext", .hidden),  // topology of the host
      FeatureBit(23, "perfctr_core", .hidden),  // no performance counters
      FeatureBit(24, "perfctr_nb", .hidden),  // as perfctr_core
      FeatureBit(26, "dbext", .hidden),  // its MSRs are not switched
      FeatureBit(29, "monitorx", .hidden),  // as monitor
    ]
  }

  /// Leaf 0x80000007 EDX.
  static var powerEDX: InlineArray<4, FeatureBit> {
    [
      FeatureBit(7, "hw_pstate", .hidden),  // frequency is the hypervisor's
      FeatureBit(8, "itsc", .invariantTimeStamp),
      FeatureBit(9, "cpb", .hidden),  // as hw_pstate
      FeatureBit(10, "efro", .hidden),  // as hw_pstate
    ]
  }

  /// Leaf 0x80000008 EBX.
  static var capacityEBX: InlineArray<17, FeatureBit> {
    [
      FeatureBit(0, "clzero", .shown),
      FeatureBit(2, "rstr_fp_err_ptrs", .shown),
      FeatureBit(9, "wbnoinvd", .hidden),  // ring 0 instruction; WBINVD is emulated
      FeatureBit(12, "ibpb", .speculationControl),
      FeatureBit(14, "ibrs", .hidden),  // PV kernels run in ring 3, where IBRS protects nothing
      FeatureBit(15, "amd_stibp", .speculationControl),
      FeatureBit(16, "ibrs_always", .hidden),  // as ibrs
      FeatureBit(17, "stibp_always", .speculationControl),
      FeatureBit(18, "ibrs_fast", .hidden),  // as ibrs
      FeatureBit(19, "ibrs_same_mode", .hidden),  // as ibrs
      FeatureBit(23, "ppin", .hidden),  // serial number: privacy
      FeatureBit(24, "amd_ssbd", .speculationControl),
      FeatureBit(25, "virt_ssbd", .hidden),  // an MSR for HVM guests
      FeatureBit(26, "ssb_no", .shown),
      FeatureBit(28, "psfd", .hidden),  // its bit is not offered
      FeatureBit(29, "btc_no", .shown),
      FeatureBit(30, "ibpb_ret", .speculationControl),
    ]
  }

  /// Leaf 0x80000021 EAX.
  static var extended2EAX: InlineArray<10, FeatureBit> {
    [
      FeatureBit(2, "lfence_dispatch", .shown),
      FeatureBit(5, "verw_clear", .shown),
      FeatureBit(6, "nscb", .shown),
      FeatureBit(7, "uai", .hidden),  // EFER is the hypervisor's
      FeatureBit(8, "auto_ibrs", .hidden),  // as uai
      FeatureBit(27, "sbpb", .speculationControl),
      FeatureBit(28, "ibpb_brtype", .speculationControl),
      FeatureBit(29, "srso_no", .shown),
      FeatureBit(30, "srso_us_no", .hidden),  // PV kernel and user are one privilege to the processor
      FeatureBit(31, "srso_msr_fix", .hidden),  // its MSR is not offered
    ]
  }

  /// Leaf 0x80000021 ECX.
  static var extended2ECX: InlineArray<2, FeatureBit> {
    [
      FeatureBit(1, "tsa_sq_no", .shown),
      FeatureBit(2, "tsa_l1_no", .shown),
    ]
  }
}
