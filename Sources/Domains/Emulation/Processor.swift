// SPDX-License-Identifier: Apache-2.0
// CPUID and model-specific registers as a guest sees them; the policies themselves are pure (Instructions/Policy).
import Instructions
import Machine
import XenABI

/// CPUID on a guest's behalf.
public enum Processor {
  /// Executes CPUID on this CPU; all are alike.
  public static func host(_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDRegisters {
    let r = Registers.cpuid(leaf, subleaf)
    return CPUIDRegisters(eax: r.eax, ebx: r.ebx, ecx: r.ecx, edx: r.edx)
  }

  /// The policy of a domain, made when the domain is: what a new one gets, or the widest that the toolstack may give it.
  public static func policy(isControlDomain: Bool, vcpuLimit: Int, isWidest: Bool = false) -> CPUIDPolicy {
    var traits = CPUIDTraits()
    traits.isControlDomain = isControlDomain
    traits.vcpuLimit = UInt32(vcpuLimit)
    traits.extendedStateMask = CPUFeatures.current.xsave ? CPUFeatures.current.xcr0 : 0
    // The toolstack offers it to domains that will not be moved to another machine.
    traits.offersInvariantTimeStamp = isControlDomain || isWidest
    traits.machineAddressWidth = CPUFeatures.current.physicalBits
    traits.time = machineTime
    return CPUIDPolicy(traits, host: host)
  }

  /// What leaf 0x40000003 tells of the machine's own counter.
  private static var machineTime: CPUIDTime {
    let clock = Ref<Hypervisor>.shared[].clock
    var time = CPUIDTime()
    time.isReliable = Timekeeping.isStable
    time.hasRDTSCP = true
    time.guestKilohertz = Timekeeping.kilohertz
    time.hostKilohertz = Timekeeping.kilohertz
    time.offset = 0 &- clock.origin
    time.multiplier = clock.scale.multiplier
    time.shift = clock.scale.shift
    return time
  }

  /// What it tells a domain.
  private static func time(_ domain: Ref<Domain>) -> CPUIDTime {
    let counter = domain[].counter
    var time = machineTime
    time.isEmulated = counter.isEmulated
    time.mode = counter.mode.rawValue
    time.guestKilohertz = counter.isEmulated ? counter.kilohertz : Timekeeping.kilohertz
    time.incarnation = counter.incarnation
    return time
  }

  /// Executes CPUID for the guest whose frame this is.
  static func identify(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) {
    let processor = CPUIDVirtualProcessor(index: vcpu[].id.raw, cr4: vcpu[].cr4, xcr0: vcpu[].xcr0)
    let (leaf, subleaf) = (UInt32(truncatingIfNeeded: frame[].rax), UInt32(truncatingIfNeeded: frame[].rcx))
    var result = vcpu[].domain[].processor.view(leaf: leaf, subleaf: subleaf, processor: processor, host: host)
    // What is told of time is as it is now, and as the toolstack has set it; unless the leaf is hidden.
    if leaf == CPUIDTime.leaf, result.eax | result.ebx | result.ecx | result.edx != 0 {
      result = time(vcpu[].domain).registers(subleaf)
    }
    frame[].rax = UInt64(result.eax)
    frame[].rbx = UInt64(result.ebx)
    frame[].rcx = UInt64(result.ecx)
    frame[].rdx = UInt64(result.edx)
  }
}

/// RDMSR and WRMSR on a guest's behalf.
enum ModelSpecific {
  /// Whether the processor has MSR IA32_ARCH_CAPABILITIES.
  static var hasCapabilities: Bool { Registers.cpuid(0).eax >= 7 && Registers.cpuid(7).edx &>> 29 & 1 != 0 }

  static func policy(_ vcpu: Ref<VCPU>) -> MSRPolicy {
    var policy = MSRPolicy()
    policy.isControlDomain = vcpu[].domain[].isPrivileged
    policy.isRelaxed = vcpu[].domain[].relaxesModelSpecific
    policy.vendor = vcpu[].domain[].processor.vendor
    // CPUID leaf 7 tells of IA32_ARCH_CAPABILITIES, and guests believe it.
    policy.hasArchitecturalCapabilities =
      hasCapabilities && vcpu[].domain[].processor.showsCapabilities
    return policy
  }

  /// Gives whether the guest may read the register in ECX; its value is in the frame then.
  static func read(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) -> Bool {
    let number = UInt32(truncatingIfNeeded: frame[].rcx)
    let value: UInt64
    switch policy(vcpu).read(number, vcpu: vcpu[].id.raw) {
    case .constant(let constant): value = constant
    case .hardware(let mask):
      guard let raw = Registers.msr(number) else { return false }
      value =
        number == MSRNumber.architecturalCapabilities ? raw & mask & vcpu[].domain[].processor.capabilities : raw & mask
    case .emulated(let register):
      switch register {
      case .timeStampCounter: value = vcpu.counter
      case .timeStampAuxiliary: value = vcpu[].tscAux
      case .fsBase: value = Registers.fsBase
      case .gsBase: value = Registers.gsBase
      case .kernelGSBase: value = Registers.inactiveGSBase
      default: value = 0
      }
    case .fault: return false
    }
    frame[].rax = value & 0xffff_ffff
    frame[].rdx = value &>> 32
    return true
  }

  /// Gives whether the guest may write the register in ECX.
  static func write(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) -> Bool {
    let number = UInt32(truncatingIfNeeded: frame[].rcx)
    let value = frame[].rdx &<< 32 | frame[].rax & 0xffff_ffff
    switch policy(vcpu).write(number, value, vcpu: vcpu[].id.raw) {
    case .ignore: return true
    case .fault: return false
    case .emulated(let register):
      switch register {
      case .timeStampAuxiliary:
        guard value &>> 32 == 0 else { return false }
        vcpu[].tscAux = value
        vcpu.loadTimeStampAuxiliary(Ref<PhysicalCPU>.current)
      case .fsBase, .gsBase, .kernelGSBase:
        guard LinearAddress(value).isCanonical else { return false }
        if register == .fsBase {
          Registers.fsBase = value
        } else if register == .gsBase {
          Registers.gsBase = value
        } else {
          Registers.inactiveGSBase = value
        }
      case .hypercallPage: return HypercallPage.write(vcpu, guestPhysical: value)
      default: break
      }
      return true
    }
  }
}
