// SPDX-License-Identifier: Apache-2.0
//
// Which leaf 7 feature bits a PV guest sees, bit by bit, each hidden one with its reason. Names and bit numbers are
// those of the public header arch-x86/cpufeatureset.h; bits without a row are hidden. Pure tables.

extension FeatureTable {
  /// Leaf 7 EBX.
  static var structuredEBX: InlineArray<31, FeatureBit> {
    [
      FeatureBit(0, "fsgsbase", .shown),
      FeatureBit(1, "tsc_adjust", .hidden),  // the counter is the hypervisor's
      FeatureBit(2, "sgx", .hidden),  // enclaves need ring 0
      FeatureBit(3, "bmi1", .shown),
      FeatureBit(4, "hle", .hidden),  // transactions: data sampling (TAA)
      FeatureBit(5, "avx2", .vector),
      FeatureBit(6, "fdp_excp_only", .shown),
      FeatureBit(7, "smep", .hidden),  // a PV kernel's pages are user pages to the processor
      FeatureBit(8, "bmi2", .shown),
      FeatureBit(9, "erms", .shown),
      FeatureBit(10, "invpcid", .hidden),  // ring 0 instruction, and as pcid
      FeatureBit(11, "rtm", .hidden),  // as hle
      FeatureBit(12, "pqm", .hidden),  // resource monitoring is the hypervisor's
      FeatureBit(13, "no_fpu_sel", .shown),
      FeatureBit(14, "mpx", .hidden),  // XCR0 bits 3 and 4, not offered
      FeatureBit(15, "pqe", .hidden),  // as pqm
      FeatureBit(16, "avx512f", .wideVector),
      FeatureBit(17, "avx512dq", .wideVector),
      FeatureBit(18, "rdseed", .shown),
      FeatureBit(19, "adx", .shown),
      FeatureBit(20, "smap", .hidden),  // as smep
      FeatureBit(21, "avx512_ifma", .wideVector),
      FeatureBit(23, "clflushopt", .shown),
      FeatureBit(24, "clwb", .shown),
      FeatureBit(25, "proc_trace", .hidden),  // tracing sees the hypervisor
      FeatureBit(26, "avx512pf", .wideVector),
      FeatureBit(27, "avx512er", .wideVector),
      FeatureBit(28, "avx512cd", .wideVector),
      FeatureBit(29, "sha", .shown),
      FeatureBit(30, "avx512bw", .wideVector),
      FeatureBit(31, "avx512vl", .wideVector),
    ]
  }

  /// Leaf 7 ECX.
  static var structuredECX: InlineArray<21, FeatureBit> {
    [
      FeatureBit(0, "prefetchwt1", .shown),
      FeatureBit(1, "avx512_vbmi", .wideVector),
      FeatureBit(2, "umip", .hidden),  // CR4.UMIP is the hypervisor's
      FeatureBit(3, "pku", .hidden),  // needs CR4.PKE, and user pages are the kernel's too
      FeatureBit(4, "ospke", .hidden),  // as pku
      FeatureBit(5, "waitpkg", .hidden),  // its MSR is not switched
      FeatureBit(6, "avx512_vbmi2", .wideVector),
      FeatureBit(7, "cet_ss", .hidden),  // supervisor state of the hypervisor
      FeatureBit(8, "gfni", .shown),
      FeatureBit(9, "vaes", .vector),
      FeatureBit(10, "vpclmulqdq", .vector),
      FeatureBit(11, "avx512_vnni", .wideVector),
      FeatureBit(12, "avx512_bitalg", .wideVector),
      FeatureBit(14, "avx512_vpopcntdq", .wideVector),
      FeatureBit(16, "la57", .hidden),  // PV tables have four levels
      FeatureBit(22, "rdpid", .shown),
      FeatureBit(24, "bus_lock_detect", .hidden),  // DEBUGCTL is the hypervisor's
      FeatureBit(25, "cldemote", .shown),
      FeatureBit(27, "movdiri", .hidden),  // opt-in in the public header
      FeatureBit(28, "movdir64b", .hidden),  // as movdiri
      FeatureBit(29, "enqcmd", .hidden),  // its MSR is not switched
    ]
  }

  /// Leaf 7 EDX.
  static var structuredEDX: InlineArray<23, FeatureBit> {
    [
      FeatureBit(2, "avx512_4vnniw", .wideVector),
      FeatureBit(3, "avx512_4fmaps", .wideVector),
      FeatureBit(4, "fsrm", .shown),
      FeatureBit(8, "avx512_vp2intersect", .hidden),  // opt-in in the public header
      FeatureBit(9, "srbds_ctrl", .hidden),  // microcode control is the hypervisor's
      FeatureBit(10, "md_clear", .shown),
      FeatureBit(11, "rtm_always_abort", .hidden),  // as rtm
      FeatureBit(13, "tsx_force_abort", .hidden),  // as rtm
      FeatureBit(14, "serialize", .shown),
      FeatureBit(15, "hybrid", .hidden),  // vCPUs move between CPUs
      FeatureBit(16, "tsxldtrk", .hidden),  // as rtm
      FeatureBit(18, "pconfig", .hidden),  // ring 0 instruction
      FeatureBit(20, "cet_ibt", .hidden),  // as cet_ss
      FeatureBit(22, "amx_bf16", .hidden),  // XCR0 bits 17 and 18, not offered
      FeatureBit(23, "avx512_fp16", .hidden),  // not yet in the 4.17 feature set
      FeatureBit(24, "amx_tile", .hidden),  // as amx_bf16
      FeatureBit(25, "amx_int8", .hidden),  // as amx_bf16
      FeatureBit(26, "ibrsb", .speculationControl),
      FeatureBit(27, "stibp", .speculationControl),
      FeatureBit(28, "l1d_flush", .hidden),  // flushing is the hypervisor's
      FeatureBit(29, "arch_caps", .shown),
      FeatureBit(30, "core_caps", .hidden),  // its MSRs are not offered
      FeatureBit(31, "ssbd", .speculationControl),
    ]
  }

  /// Leaf 7 subleaf 1 EAX.
  static var structured1EAX: InlineArray<7, FeatureBit> {
    [
      FeatureBit(4, "avx_vnni", .vector),
      FeatureBit(5, "avx512_bf16", .wideVector),
      FeatureBit(10, "fzrm", .shown),
      FeatureBit(11, "fsrs", .shown),
      FeatureBit(12, "fsrcs", .shown),
      FeatureBit(22, "hreset", .hidden),  // ring 0 instruction
      FeatureBit(26, "lam", .hidden),  // CR3 and CR4 bits of the hypervisor
    ]
  }

  /// Leaf 7 subleaf 2 EDX.
  static var structured2EDX: InlineArray<5, FeatureBit> {
    [
      FeatureBit(0, "intel_psfd", .hidden),  // its bit is not offered
      FeatureBit(1, "ipred_ctrl", .hidden),  // as ibrs
      FeatureBit(2, "rrsba_ctrl", .hidden),  // as ibrs
      FeatureBit(4, "bhi_ctrl", .hidden),  // as ibrs
      FeatureBit(5, "mcdt_no", .shown),
    ]
  }
}
