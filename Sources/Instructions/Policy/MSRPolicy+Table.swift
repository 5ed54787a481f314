// SPDX-License-Identifier: Apache-2.0
//
// The MSR table itself, in order of number. A row says for whom it holds and what reading and writing do; the comment
// says why. Where Xen 4.17 was asked (by a Domain 0 that tried them all), rows agree with what it answered, except as
// noted.
import Machine

extension MSRPolicy {
  /// IA32_ARCH_CAPABILITIES bits that tell of immunity or of what VERW clears: RDCL_NO, RSBA, SSB_NO, MDS_NO,
  /// IF_PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, FB_CLEAR, RRSBA, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO,
  /// RFDS_CLEAR, ITS_NO. Those that announce further MSRs are left out, and EIBRS, which would have a kernel write
  /// SPEC_CTRL for a protection that ring 3 does not get.
  public static var capabilitiesMask: UInt64 { 0x4000_0000_1d1a_e175 }

  /// The PAT of the PV ABI: WB, WT, UC-, UC, WC, WP, UC, UC.
  public static var pageAttributes: UInt64 { 0x0000_0501_0007_0406 }

  /// The row of `number`, if it has one.
  static func rule(_ number: UInt32, _ vcpu: UInt32) -> MSRRule? {
    number < MSRNumber.hypercallPage ? lowRule(number, vcpu) : highRule(number)
  }

  /// Registers that Intel's numbering began with.
  private static func lowRule(_ number: UInt32, _ vcpu: UInt32) -> MSRRule? {
    switch number {
    // P5_MC_ADDR, P5_MC_TYPE.
    case MSRNumber.machineCheckAddress, MSRNumber.machineCheckType:
      MSRRule(.everyone, read: .constant(0), write: .fault)
    // TSC: setting it is the hypervisor's.
    case MSRNumber.timeStampCounter: MSRRule(.everyone, read: .emulated(.timeStampCounter), write: .fault)
    // PLATFORM_ID: which microcode would fit.
    case MSRNumber.platform: MSRRule(.intel, read: .hardware(mask: .max), write: .fault)
    // APIC_BASE: enabled, not x2APIC, and vCPU 0 is the boot processor.
    case MSRNumber.apicBase: MSRRule(.everyone, read: .constant(0xfee0_0800 | (vcpu == 0 ? 0x100 : 0)), write: .fault)
    // FEATURE_CONTROL: locked, nothing enabled.
    case MSRNumber.featureControl: MSRRule(.intel, read: .constant(1), write: .fault)
    case MSRNumber.speculationControl:
      MSRRule(.speculationControl, read: .emulated(.speculationControl), write: .emulated(.speculationControl))
    case MSRNumber.predictionCommand: MSRRule(.speculationControl, read: .fault, write: .emulated(.predictionCommand))
    // Microcode revision. Kernels write zero before reading it, as the manual says to.
    case MSRNumber.microcodeRevision: MSRRule(.everyone, read: .hardware(mask: .max), write: .only(0))
    // PMC0 to PMC7: no counters, and old drivers write before they look.
    case MSRNumber.counters: MSRRule(.intel, read: .constant(0), write: .ignore)
    // PLATFORM_INFO: CPUID faulting is not offered.
    case MSRNumber.platformInfo: MSRRule(.everyone, read: .constant(0), write: .fault)
    // MPERF, APERF: CPUID hides them.
    case MSRNumber.maximumFrequencyClock, MSRNumber.actualFrequencyClock:
      MSRRule(.everyone, read: .fault, write: .ignore)
    // MTRRcap. Unlike Xen 4.17, which refuses although CPUID shows MTRR to Domain 0.
    case MSRNumber.memoryTypeCapabilities: MSRRule(.controlDomain, read: .hardware(mask: .max), write: .fault)
    case MSRNumber.architecturalCapabilities:
      MSRRule(.architecturalCapabilities, read: .hardware(mask: capabilitiesMask), write: .fault)
    // MISC_FEATURES_ENABLES: Linux writes back what it read.
    case MSRNumber.miscellaneousFeatures: MSRRule(.everyone, read: .constant(0), write: .ignore)
    // SYSENTER_CS, _ESP, _EIP: callbacks are registered by hypercall, writes are habit.
    case MSRNumber.systemEnter: MSRRule(.everyone, read: .fault, write: .ignore)
    // MCG_CAP with no banks, MCG_STATUS, MCG_CTL: machine checks are the hypervisor's.
    case MSRNumber.machineCheckCapabilities, MSRNumber.machineCheckStatus, MSRNumber.machineCheckControl:
      MSRRule(.everyone, read: .constant(0), write: .ignore)
    // PERFEVTSEL0 to 7, as PMC0.
    case MSRNumber.eventSelections: MSRRule(.intel, read: .constant(0), write: .ignore)
    // PERF_STATUS, PERF_CTL: frequency is the hypervisor's.
    case MSRNumber.performanceStatus: MSRRule(.intel, read: .constant(0), write: .fault)
    case MSRNumber.performanceControl: MSRRule(.intel, read: .constant(0), write: .ignore)
    // THERM_CONTROL, THERM_STATUS.
    case MSRNumber.clockModulation: MSRRule(.intel, read: .fault, write: .ignore)
    case MSRNumber.thermalStatus: MSRRule(.intel, read: .constant(0), write: .fault)
    // MISC_ENABLE: fast strings on; branch tracing and PEBS unavailable; no xTPR messages.
    case MSRNumber.miscellaneousEnable: MSRRule(.everyone, read: .constant(0x0080_1801), write: .ignore)
    // ENERGY_PERF_BIAS.
    case MSRNumber.energyBias: MSRRule(.intel, read: .fault, write: .ignore)
    // DEBUGCTL: branch tracing would see the hypervisor; off is what it is. Xen 4.17 refuses even that.
    case MSRNumber.debugControl: MSRRule(.everyone, read: .constant(0), write: .only(0))
    // MTRRs, as MTRRcap: variable ranges, fixed ranges, default type.
    case MSRNumber.memoryTypeRanges, MSRNumber.memoryTypes64K, MSRNumber.memoryTypes16K, MSRNumber.memoryTypes4K,
      MSRNumber.defaultMemoryType:
      MSRRule(.controlDomain, read: .hardware(mask: .max), write: .fault)
    // PAT: part of the ABI. Xen 4.17 refuses even a write of the same value.
    case MSRNumber.pageAttributes: MSRRule(.everyone, read: .constant(pageAttributes), write: .only(pageAttributes))
    // MC0_CTL2 and so on, with no banks.
    case MSRNumber.bankThresholds: MSRRule(.everyone, read: .constant(0), write: .ignore)
    // FIXED_CTR0 to 2; FIXED_CTR_CTRL, PERF_GLOBAL_STATUS, _CTRL and _OVF_CTRL: as PMC0.
    case MSRNumber.fixedCounters, MSRNumber.counterControl: MSRRule(.intel, read: .constant(0), write: .ignore)
    // PERF_CAPABILITIES.
    case MSRNumber.performanceCapabilities: MSRRule(.everyone, read: .constant(0), write: .fault)
    // MC0_CTL and so on, with no banks.
    case MSRNumber.banks: MSRRule(.everyone, read: .constant(0), write: .ignore)
    default: nil
    }
  }

  /// The hypervisor's own register, those of AMD64, and AMD's.
  private static func highRule(_ number: UInt32) -> MSRRule? {
    switch number {
    // Hypercall page: index 0 of the one page that CPUID announces.
    case MSRNumber.hypercallPage: MSRRule(.everyone, read: .constant(0), write: .emulated(.hypercallPage))
    // EFER: SCE, LME, LMA and NXE, which is what a PV guest runs with; it cannot change them.
    case MSRNumber.extendedFeatures: MSRRule(.everyone, read: .hardware(mask: 0xd01), write: .ignore)
    // STAR, LSTAR, CSTAR, SYSCALL_MASK: as SYSENTER.
    case MSRNumber.systemCallTarget, MSRNumber.systemCallEntry, MSRNumber.systemCallEntry32, MSRNumber.systemCallMask:
      MSRRule(.everyone, read: .fault, write: .ignore)
    case MSRNumber.fsBase: MSRRule(.everyone, read: .emulated(.fsBase), write: .emulated(.fsBase))
    case MSRNumber.gsBase: MSRRule(.everyone, read: .emulated(.gsBase), write: .emulated(.gsBase))
    case MSRNumber.kernelGSBase: MSRRule(.everyone, read: .emulated(.kernelGSBase), write: .emulated(.kernelGSBase))
    case MSRNumber.timeStampAuxiliary:
      MSRRule(.everyone, read: .emulated(.timeStampAuxiliary), write: .emulated(.timeStampAuxiliary))
    // K7 performance counters.
    case MSRNumber.amdCounters: MSRRule(.amd, read: .constant(0), write: .ignore)
    // SYSCFG, and the memory map in IORRs, TOP_MEM and TOP_MEM2: Domain 0 owns the devices behind them.
    case MSRNumber.systemConfiguration, MSRNumber.ioRanges, MSRNumber.topOfMemory, MSRNumber.topOfMemory2:
      MSRRule(.controlDomainOnAMD, read: .hardware(mask: .max), write: .fault)
    // HWCR: the time-stamp counter counts at P0 (bit 24), which Linux asks for. Xen 4.17 says zero under QEMU.
    case MSRNumber.hardwareConfiguration: MSRRule(.amd, read: .constant(1 << 24), write: .ignore)
    // NB_CFG: extended configuration access through ports is not the guest's. Xen 4.17 answers on all processors.
    case MSRNumber.bridgeConfiguration: MSRRule(.everyone, read: .constant(0), write: .ignore)
    // P-states.
    case MSRNumber.powerStates: MSRRule(.amd, read: .constant(0), write: .ignore)
    // Where SMM memory lies: Linux splits its mapping there.
    case MSRNumber.managementMemory: MSRRule(.controlDomainOnAMD, read: .hardware(mask: .max), write: .fault)
    // Core performance counters.
    case MSRNumber.coreCounters: MSRRule(.amd, read: .constant(0), write: .ignore)
    // DE_CFG: whether LFENCE serializes (bit 1), as the hypervisor set it.
    case MSRNumber.decodeConfiguration: MSRRule(.amd, read: .hardware(mask: 2), write: .ignore)
    default: nil
    }
  }
}
