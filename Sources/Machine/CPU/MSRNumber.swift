// SPDX-License-Identifier: Apache-2.0
// Numbers of the model-specific registers. Vendors' manuals are the source; each line begins with their name.

/// Names for MSR numbers.
public enum MSRNumber {
  /// P5_MC_ADDR.
  @inlinable public static var machineCheckAddress: UInt32 { 0x0 }
  /// P5_MC_TYPE.
  @inlinable public static var machineCheckType: UInt32 { 0x1 }
  /// IA32_TIME_STAMP_COUNTER.
  @inlinable public static var timeStampCounter: UInt32 { 0x10 }
  /// IA32_PLATFORM_ID: which microcode would fit.
  @inlinable public static var platform: UInt32 { 0x17 }
  /// IA32_APIC_BASE.
  @inlinable public static var apicBase: UInt32 { 0x1b }
  /// IA32_FEATURE_CONTROL.
  @inlinable public static var featureControl: UInt32 { 0x3a }
  /// IA32_SPEC_CTRL.
  @inlinable public static var speculationControl: UInt32 { 0x48 }
  /// IA32_PRED_CMD.
  @inlinable public static var predictionCommand: UInt32 { 0x49 }
  /// IA32_BIOS_SIGN_ID on Intel, PATCH_LEVEL on AMD: the microcode revision.
  @inlinable public static var microcodeRevision: UInt32 { 0x8b }
  /// IA32_PMC0 to 7.
  @inlinable public static var counters: ClosedRange<UInt32> { 0xc1...0xc8 }
  /// MSR_PLATFORM_INFO.
  @inlinable public static var platformInfo: UInt32 { 0xce }
  /// IA32_MPERF.
  @inlinable public static var maximumFrequencyClock: UInt32 { 0xe7 }
  /// IA32_APERF.
  @inlinable public static var actualFrequencyClock: UInt32 { 0xe8 }
  /// IA32_MTRRCAP.
  @inlinable public static var memoryTypeCapabilities: UInt32 { 0xfe }
  /// IA32_ARCH_CAPABILITIES.
  @inlinable public static var architecturalCapabilities: UInt32 { 0x10a }
  /// IA32_TSX_CTRL.
  @inlinable public static var transactionControl: UInt32 { 0x122 }
  /// MISC_FEATURES_ENABLES.
  @inlinable public static var miscellaneousFeatures: UInt32 { 0x140 }
  /// IA32_SYSENTER_CS, _ESP and _EIP.
  @inlinable public static var systemEnter: ClosedRange<UInt32> { 0x174...0x176 }
  /// IA32_MCG_CAP.
  @inlinable public static var machineCheckCapabilities: UInt32 { 0x179 }
  /// IA32_MCG_STATUS.
  @inlinable public static var machineCheckStatus: UInt32 { 0x17a }
  /// IA32_MCG_CTL.
  @inlinable public static var machineCheckControl: UInt32 { 0x17b }
  /// IA32_PERFEVTSEL0 to 7.
  @inlinable public static var eventSelections: ClosedRange<UInt32> { 0x186...0x18d }
  /// IA32_PERF_STATUS.
  @inlinable public static var performanceStatus: UInt32 { 0x198 }
  /// IA32_PERF_CTL.
  @inlinable public static var performanceControl: UInt32 { 0x199 }
  /// IA32_CLOCK_MODULATION.
  @inlinable public static var clockModulation: UInt32 { 0x19a }
  /// IA32_THERM_STATUS.
  @inlinable public static var thermalStatus: UInt32 { 0x19c }
  /// IA32_MISC_ENABLE.
  @inlinable public static var miscellaneousEnable: UInt32 { 0x1a0 }
  /// IA32_ENERGY_PERF_BIAS.
  @inlinable public static var energyBias: UInt32 { 0x1b0 }
  /// IA32_DEBUGCTL.
  @inlinable public static var debugControl: UInt32 { 0x1d9 }
  /// IA32_MTRR_PHYSBASE0, _PHYSMASK0 and so on: in turns.
  @inlinable public static var memoryTypeRanges: ClosedRange<UInt32> { 0x200...0x21f }
  /// IA32_MTRR_FIX64K_00000.
  @inlinable public static var memoryTypes64K: UInt32 { 0x250 }
  /// IA32_MTRR_FIX16K_80000, _A0000.
  @inlinable public static var memoryTypes16K: ClosedRange<UInt32> { 0x258...0x259 }
  /// IA32_MTRR_FIX4K_C0000 to _F8000.
  @inlinable public static var memoryTypes4K: ClosedRange<UInt32> { 0x268...0x26f }
  /// IA32_PAT.
  @inlinable public static var pageAttributes: UInt32 { 0x277 }
  /// IA32_MC0_CTL2 and so on.
  @inlinable public static var bankThresholds: ClosedRange<UInt32> { 0x280...0x29f }
  /// IA32_MTRR_DEF_TYPE.
  @inlinable public static var defaultMemoryType: UInt32 { 0x2ff }
  /// IA32_FIXED_CTR0 to 2.
  @inlinable public static var fixedCounters: ClosedRange<UInt32> { 0x309...0x30b }
  /// IA32_PERF_CAPABILITIES.
  @inlinable public static var performanceCapabilities: UInt32 { 0x345 }
  /// IA32_FIXED_CTR_CTRL, IA32_PERF_GLOBAL_STATUS, _CTRL and _OVF_CTRL.
  @inlinable public static var counterControl: ClosedRange<UInt32> { 0x38d...0x390 }
  /// IA32_MC0_CTL, _STATUS, _ADDR, _MISC and so on: four for each bank.
  @inlinable public static var banks: ClosedRange<UInt32> { 0x400...0x47f }
  /// The MSR that installs a hypercall page, as CPUID leaf 0x40000002 announces it.
  @inlinable public static var hypercallPage: UInt32 { 0x4000_0000 }
  /// IA32_EFER.
  @inlinable public static var extendedFeatures: UInt32 { 0xc000_0080 }
  /// IA32_STAR.
  @inlinable public static var systemCallTarget: UInt32 { 0xc000_0081 }
  /// IA32_LSTAR.
  @inlinable public static var systemCallEntry: UInt32 { 0xc000_0082 }
  /// IA32_CSTAR.
  @inlinable public static var systemCallEntry32: UInt32 { 0xc000_0083 }
  /// IA32_FMASK.
  @inlinable public static var systemCallMask: UInt32 { 0xc000_0084 }
  /// IA32_FS_BASE.
  @inlinable public static var fsBase: UInt32 { 0xc000_0100 }
  /// IA32_GS_BASE.
  @inlinable public static var gsBase: UInt32 { 0xc000_0101 }
  /// IA32_KERNEL_GS_BASE.
  @inlinable public static var kernelGSBase: UInt32 { 0xc000_0102 }
  /// IA32_TSC_AUX.
  @inlinable public static var timeStampAuxiliary: UInt32 { 0xc000_0103 }
  /// PERF_LEGACY_CTL0 to 3, PERF_LEGACY_CTR0 to 3.
  @inlinable public static var amdCounters: ClosedRange<UInt32> { 0xc001_0000...0xc001_0007 }
  /// SYS_CFG.
  @inlinable public static var systemConfiguration: UInt32 { 0xc001_0010 }
  /// HWCR.
  @inlinable public static var hardwareConfiguration: UInt32 { 0xc001_0015 }
  /// IORR_BASE0, _MASK0, _BASE1, _MASK1.
  @inlinable public static var ioRanges: ClosedRange<UInt32> { 0xc001_0016...0xc001_0019 }
  /// TOP_MEM.
  @inlinable public static var topOfMemory: UInt32 { 0xc001_001a }
  /// TOP_MEM2.
  @inlinable public static var topOfMemory2: UInt32 { 0xc001_001d }
  /// NB_CFG1.
  @inlinable public static var bridgeConfiguration: UInt32 { 0xc001_001f }
  /// P-state limit, control, status and the first definition.
  @inlinable public static var powerStates: ClosedRange<UInt32> { 0xc001_0061...0xc001_0064 }
  /// SMM_ADDR, SMM_MASK.
  @inlinable public static var managementMemory: ClosedRange<UInt32> { 0xc001_0112...0xc001_0113 }
  /// PERF_CTL0, PERF_CTR0 and so on, to 5.
  @inlinable public static var coreCounters: ClosedRange<UInt32> { 0xc001_0200...0xc001_020b }
  /// DE_CFG.
  @inlinable public static var decodeConfiguration: UInt32 { 0xc001_1029 }
}
