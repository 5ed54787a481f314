// SPDX-License-Identifier: Apache-2.0
//
// The MSR table itself, in order of number. A row says for whom it holds and what reading and writing do; the comment
// says why. Where Xen 4.17 was asked (by a Domain 0 that tried them all), rows agree with what it answered, except as
// noted.

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
    number < 0x4000_0000 ? lowRule(number, vcpu) : highRule(number)
  }

  /// Registers that Intel's numbering began with.
  private static func lowRule(_ number: UInt32, _ vcpu: UInt32) -> MSRRule? {
    switch number {
    // P5_MC_ADDR, P5_MC_TYPE.
    case 0x0, 0x1: MSRRule(.everyone, read: .constant(0), write: .fault)
    // TSC: setting it is the hypervisor's.
    case 0x10: MSRRule(.everyone, read: .emulated(.timeStampCounter), write: .fault)
    // PLATFORM_ID: which microcode would fit.
    case 0x17: MSRRule(.intel, read: .hardware(mask: .max), write: .fault)
    // APIC_BASE: enabled, not x2APIC, and vCPU 0 is the boot processor.
    case 0x1b: MSRRule(.everyone, read: .constant(0xfee0_0800 | (vcpu == 0 ? 0x100 : 0)), write: .fault)
    // FEATURE_CONTROL: locked, nothing enabled.
    case 0x3a: MSRRule(.intel, read: .constant(1), write: .fault)
    case 0x48:
      MSRRule(.speculationControl, read: .emulated(.speculationControl), write: .emulated(.speculationControl))
    case 0x49: MSRRule(.speculationControl, read: .fault, write: .emulated(.predictionCommand))
    // Microcode revision. Kernels write zero before reading it, as the manual says to.
    case 0x8b: MSRRule(.everyone, read: .hardware(mask: .max), write: .only(0))
    // PMC0 to PMC7: no counters, and old drivers write before they look.
    case 0xc1...0xc8: MSRRule(.intel, read: .constant(0), write: .ignore)
    // PLATFORM_INFO: CPUID faulting is not offered.
    case 0xce: MSRRule(.everyone, read: .constant(0), write: .fault)
    // MPERF, APERF: CPUID hides them.
    case 0xe7, 0xe8: MSRRule(.everyone, read: .fault, write: .ignore)
    // MTRRcap. Unlike Xen 4.17, which refuses although CPUID shows MTRR to Domain 0.
    case 0xfe: MSRRule(.controlDomain, read: .hardware(mask: .max), write: .fault)
    case 0x10a: MSRRule(.architecturalCapabilities, read: .hardware(mask: capabilitiesMask), write: .fault)
    // MISC_FEATURES_ENABLES: Linux writes back what it read.
    case 0x140: MSRRule(.everyone, read: .constant(0), write: .ignore)
    // SYSENTER_CS, _ESP, _EIP: callbacks are registered by hypercall, writes are habit.
    case 0x174...0x176: MSRRule(.everyone, read: .fault, write: .ignore)
    // MCG_CAP with no banks, MCG_STATUS, MCG_CTL: machine checks are the hypervisor's.
    case 0x179...0x17b: MSRRule(.everyone, read: .constant(0), write: .ignore)
    // PERFEVTSEL0 to 7, as PMC0.
    case 0x186...0x18d: MSRRule(.intel, read: .constant(0), write: .ignore)
    // PERF_STATUS, PERF_CTL: frequency is the hypervisor's.
    case 0x198: MSRRule(.intel, read: .constant(0), write: .fault)
    case 0x199: MSRRule(.intel, read: .constant(0), write: .ignore)
    // THERM_CONTROL, THERM_STATUS.
    case 0x19a: MSRRule(.intel, read: .fault, write: .ignore)
    case 0x19c: MSRRule(.intel, read: .constant(0), write: .fault)
    // MISC_ENABLE: fast strings on; branch tracing and PEBS unavailable; no xTPR messages.
    case 0x1a0: MSRRule(.everyone, read: .constant(0x0080_1801), write: .ignore)
    // ENERGY_PERF_BIAS.
    case 0x1b0: MSRRule(.intel, read: .fault, write: .ignore)
    // DEBUGCTL: branch tracing would see the hypervisor; off is what it is. Xen 4.17 refuses even that.
    case 0x1d9: MSRRule(.everyone, read: .constant(0), write: .only(0))
    // MTRRs, as MTRRcap: variable ranges, fixed ranges, default type.
    case 0x200...0x21f, 0x250, 0x258, 0x259, 0x268...0x26f, 0x2ff:
      MSRRule(.controlDomain, read: .hardware(mask: .max), write: .fault)
    // PAT: part of the ABI. Xen 4.17 refuses even a write of the same value.
    case 0x277: MSRRule(.everyone, read: .constant(pageAttributes), write: .only(pageAttributes))
    // MC0_CTL2 and so on, with no banks.
    case 0x280...0x29f: MSRRule(.everyone, read: .constant(0), write: .ignore)
    // FIXED_CTR0 to 2; FIXED_CTR_CTRL, PERF_GLOBAL_STATUS, _CTRL and _OVF_CTRL: as PMC0.
    case 0x309...0x30b, 0x38d...0x390: MSRRule(.intel, read: .constant(0), write: .ignore)
    // PERF_CAPABILITIES.
    case 0x345: MSRRule(.everyone, read: .constant(0), write: .fault)
    // MC0_CTL and so on, with no banks.
    case 0x400...0x47f: MSRRule(.everyone, read: .constant(0), write: .ignore)
    default: nil
    }
  }

  /// The hypervisor's own register, those of AMD64, and AMD's.
  private static func highRule(_ number: UInt32) -> MSRRule? {
    switch number {
    // Hypercall page: index 0 of the one page that CPUID announces.
    case 0x4000_0000: MSRRule(.everyone, read: .constant(0), write: .emulated(.hypercallPage))
    // EFER: SCE, LME, LMA and NXE, which is what a PV guest runs with; it cannot change them.
    case 0xc000_0080: MSRRule(.everyone, read: .hardware(mask: 0xd01), write: .ignore)
    // STAR, LSTAR, CSTAR, SYSCALL_MASK: as SYSENTER.
    case 0xc000_0081...0xc000_0084: MSRRule(.everyone, read: .fault, write: .ignore)
    case 0xc000_0100: MSRRule(.everyone, read: .emulated(.fsBase), write: .emulated(.fsBase))
    case 0xc000_0101: MSRRule(.everyone, read: .emulated(.gsBase), write: .emulated(.gsBase))
    case 0xc000_0102: MSRRule(.everyone, read: .emulated(.kernelGSBase), write: .emulated(.kernelGSBase))
    case 0xc000_0103: MSRRule(.everyone, read: .emulated(.timeStampAuxiliary), write: .emulated(.timeStampAuxiliary))
    // K7 performance counters.
    case 0xc001_0000...0xc001_0007: MSRRule(.amd, read: .constant(0), write: .ignore)
    // SYSCFG, and the memory map in IORRs, TOP_MEM and TOP_MEM2: Domain 0 owns the devices behind them.
    case 0xc001_0010, 0xc001_0016...0xc001_001a, 0xc001_001d:
      MSRRule(.controlDomainOnAMD, read: .hardware(mask: .max), write: .fault)
    // HWCR: the time-stamp counter counts at P0 (bit 24), which Linux asks for. Xen 4.17 says zero under QEMU.
    case 0xc001_0015: MSRRule(.amd, read: .constant(1 << 24), write: .ignore)
    // NB_CFG: extended configuration access through ports is not the guest's. Xen 4.17 answers on all processors.
    case 0xc001_001f: MSRRule(.everyone, read: .constant(0), write: .ignore)
    // P-states.
    case 0xc001_0061...0xc001_0064: MSRRule(.amd, read: .constant(0), write: .ignore)
    // Where SMM memory lies: Linux splits its mapping there.
    case 0xc001_0112, 0xc001_0113: MSRRule(.controlDomainOnAMD, read: .hardware(mask: .max), write: .fault)
    // Core performance counters.
    case 0xc001_0200...0xc001_020b: MSRRule(.amd, read: .constant(0), write: .ignore)
    // DE_CFG: whether LFENCE serializes (bit 1), as the hypervisor set it.
    case 0xc001_1029: MSRRule(.amd, read: .hardware(mask: 2), write: .ignore)
    default: nil
    }
  }
}
