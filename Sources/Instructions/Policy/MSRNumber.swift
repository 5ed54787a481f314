// SPDX-License-Identifier: Apache-2.0
//
// Numbers of the model-specific registers that the policy and its callers name. Vendors' manuals are the source.

/// Names for MSR numbers.
public enum MSRNumber {
  /// IA32_TIME_STAMP_COUNTER.
  public static var timeStampCounter: UInt32 { 0x10 }
  /// IA32_APIC_BASE.
  public static var apicBase: UInt32 { 0x1b }
  /// IA32_SPEC_CTRL.
  public static var speculationControl: UInt32 { 0x48 }
  /// IA32_PRED_CMD.
  public static var predictionCommand: UInt32 { 0x49 }
  /// IA32_BIOS_SIGN_ID on Intel, PATCH_LEVEL on AMD: the microcode revision.
  public static var microcodeRevision: UInt32 { 0x8b }
  /// IA32_ARCH_CAPABILITIES.
  public static var architecturalCapabilities: UInt32 { 0x10a }
  /// IA32_MISC_ENABLE.
  public static var miscellaneousEnable: UInt32 { 0x1a0 }
  /// IA32_DEBUGCTL.
  public static var debugControl: UInt32 { 0x1d9 }
  /// IA32_PAT.
  public static var pageAttributes: UInt32 { 0x277 }
  /// The MSR that installs a hypercall page, as CPUID leaf 0x40000002 announces it.
  public static var hypercallPage: UInt32 { 0x4000_0000 }
  /// EFER.
  public static var extendedFeatures: UInt32 { 0xc000_0080 }
  /// STAR; LSTAR, CSTAR and SYSCALL_MASK follow.
  public static var systemCallTarget: UInt32 { 0xc000_0081 }
  /// FS_BASE.
  public static var fsBase: UInt32 { 0xc000_0100 }
  /// GS_BASE.
  public static var gsBase: UInt32 { 0xc000_0101 }
  /// KERNEL_GS_BASE.
  public static var kernelGSBase: UInt32 { 0xc000_0102 }
  /// TSC_AUX.
  public static var timeStampAuxiliary: UInt32 { 0xc000_0103 }
}
