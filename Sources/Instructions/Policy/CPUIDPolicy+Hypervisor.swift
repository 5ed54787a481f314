// SPDX-License-Identifier: Apache-2.0
//
// The hypervisor's own leaves from 0x40000000, as the public header arch-x86/cpuid.h lays them out.
import Machine

extension CPUIDPolicy {
  /// `XEN_CPUID_MAX_NUM_LEAVES` leaves after `XEN_CPUID_FIRST_LEAF`.
  func hypervisor(_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDRegisters {
    // The toolstack may hide the last ones, but not that there is a hypervisor with hypercall pages.
    let last: UInt32 = hypervisorLeaf == 0 ? 5 : max(min(hypervisorLeaf, 5), 2)
    guard leaf &- 0x4000_0000 <= last else { return CPUIDRegisters() }
    return switch leaf &- 0x4000_0000 {
    // "XenVMMXenVMM": XEN_CPUID_SIGNATURE_EBX, _ECX and _EDX.
    case 0: CPUIDRegisters(eax: 0x4000_0000 | last, ebx: 0x566e_6558, ecx: 0x6558_4d4d, edx: 0x4d4d_566e)
    case 1: CPUIDRegisters(eax: UInt32(traits.majorVersion) << 16 | UInt32(traits.minorVersion))
    // One hypercall page, through MSR 0x40000000; XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD.
    case 2: CPUIDRegisters(eax: 1, ebx: MSRNumber.hypercallPage, ecx: 1)
    case 3: traits.time.registers(subleaf)
    // Leaf 4 is for HVM guests.
    case 5 where subleaf == 0: CPUIDRegisters(ebx: UInt32(traits.machineAddressWidth))
    default: CPUIDRegisters()
    }
  }
}

extension CPUIDTime {
  /// Where it is told.
  public static let leaf: UInt32 = 0x4000_0003

  /// The leaf's answer.
  public func registers(_ subleaf: UInt32) -> CPUIDRegisters {
    switch subleaf {
    case 0:
      let flags: UInt32 = (isEmulated ? 1 : 0) | (isReliable ? 2 : 0) | (hasRDTSCP ? 4 : 0)
      return CPUIDRegisters(eax: flags, ebx: mode, ecx: guestKilohertz, edx: incarnation)
    case 1:
      return CPUIDRegisters(
        eax: UInt32(truncatingIfNeeded: offset), ebx: UInt32(truncatingIfNeeded: offset >> 32),
        ecx: multiplier, edx: UInt32(bitPattern: Int32(shift)))
    case 2: return CPUIDRegisters(eax: hostKilohertz)
    default: return CPUIDRegisters()
    }
  }
}
