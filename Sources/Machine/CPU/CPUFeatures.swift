// SPDX-License-Identifier: Apache-2.0
// What this machine's CPUs can do that the hypervisor itself makes use of. Read once, on the first CPU; the others are alike.
import CMachine

/// The features that change how the hypervisor drives the CPU. One byte each, so that reading one is a single load.
public struct CPUFeatures: BitwiseCopyable {
  /// RDFSBASE and its like.
  public var fsgsbase = false
  /// Supervisor mode execution prevention.
  public var smep = false
  /// Supervisor mode access prevention.
  public var smap = false
  /// User mode instruction prevention.
  public var umip = false
  /// XSAVE.
  public var xsave = false
  /// Pages of 1 GiB.
  public var gigabytePages = false
  /// The local APIC timer's deadline mode.
  public var tscDeadline = false
  /// The local APIC's register mode; not used.
  public var x2apic = false
  /// AMD, or Hygon.
  public var isAMD = false
  /// Loading x87 state leaves the pointers to the last instruction and operand as they are, unless an exception is pending: AMD's
  /// older processors. Another guest could read them (XSA-52).
  public var keepsFPUPointers = false
  /// RDTSCP or RDPID, and with them the TSC_AUX register.
  public var timeStampAuxiliary = false
  /// The IA32_TSX_CTRL register, by which transactions can be switched off.
  public var transactionControl = false
  /// The exception for errors of the hardware's own.
  public var machineCheck = false
  /// The banks of registers that say what such an error was.
  public var machineCheckBanks = false
  /// How many bits a physical address has.
  public var physicalBits: UInt8 = 36
  /// XCR0 bits that the CPU knows and guests may use.
  public var xcr0: UInt64 = 3
  /// Bytes of the largest save area for `xcr0`.
  public var saveAreaBytes: UInt32 = 512

  /// The features of this machine. Before `detect` everything is off.
  @inlinable public static var current: CPUFeatures {
    // SAFETY: 1. Static bytes, written once, at boot, before other CPUs run; 2. zeros are a value too.
    unsafe withUnsafePointer(to: &martlet_features) {
      unsafe UnsafeRawPointer($0).loadUnaligned(as: CPUFeatures.self)
    }
  }

  /// Reads the CPUID leaves.
  public static func detect() -> CPUFeatures {
    var f = CPUFeatures()
    let highest = martlet_cpuid(0, 0)
    f.isAMD = highest.ebx == 0x6874_7541 || highest.ebx == 0x6f67_7948
    let one = martlet_cpuid(1, 0)
    f.xsave = one.ecx & (1 &<< 26) != 0
    f.x2apic = one.ecx & (1 &<< 21) != 0
    f.tscDeadline = one.ecx & (1 &<< 24) != 0
    f.machineCheck = one.edx & (1 &<< 7) != 0
    f.machineCheckBanks = f.machineCheck && one.edx & (1 &<< 14) != 0
    if highest.eax >= 7 {
      let seven = martlet_cpuid(7, 0)
      f.fsgsbase = seven.ebx & 1 != 0
      f.smep = seven.ebx & (1 &<< 7) != 0
      f.smap = seven.ebx & (1 &<< 20) != 0
      f.umip = seven.ecx & (1 &<< 2) != 0
      // Bit 7 says that IA32_TSX_CTRL is there.
      if seven.edx & (1 &<< 29) != 0, let capabilities = Registers.msr(MSRNumber.architecturalCapabilities) {
        f.transactionControl = capabilities & (1 &<< 7) != 0
      }
      f.timeStampAuxiliary = seven.ecx & (1 &<< 22) != 0
    }
    let extended = martlet_cpuid(0x8000_0000, 0).eax
    if extended >= 0x8000_0001 {
      let more = martlet_cpuid(0x8000_0001, 0).edx
      f.gigabytePages = more & (1 &<< 26) != 0
      if more & (1 &<< 27) != 0 { f.timeStampAuxiliary = true }
    }
    if extended >= 0x8000_0008 { f.physicalBits = UInt8(martlet_cpuid(0x8000_0008, 0).eax & 0xff) }
    // RstrFpErrPtrs: newer ones of AMD's load them always.
    f.keepsFPUPointers = f.isAMD && (extended < 0x8000_0008 || martlet_cpuid(0x8000_0008, 0).ebx & 4 == 0)
    if f.xsave, highest.eax >= 0xd {
      let leaf = martlet_cpuid(0xd, 0)
      // x87, SSE, AVX, AVX-512: what a guest may hold. The rest (MPX, PKRU, AMX) is not offered.
      f.xcr0 = (UInt64(leaf.edx) &<< 32 | UInt64(leaf.eax)) & 0xe7
      f.saveAreaBytes = 576
      for component in 2..<8 where f.xcr0 &>> UInt64(component) & 1 != 0 {
        let part = martlet_cpuid(0xd, UInt32(component))
        f.saveAreaBytes = max(f.saveAreaBytes, part.eax &+ part.ebx)
      }
    }
    return f
  }

  /// Whether the CPU is QEMU's emulation: hypervisor leaf "TCGTCGTCGTCG". Version 7.2 reads the frame of an IRET in ring 3 as the
  /// kernel would, which SMAP then forbids: a guest kernel that synchronises its core so is lost.
  public static var isEmulatedByQEMU: Bool {
    guard martlet_cpuid(1, 0).ecx &>> 31 != 0 else { return false }
    let leaf = martlet_cpuid(0x4000_0000, 0)
    return leaf.ebx == 0x5447_4354 && leaf.ecx == 0x4354_4743 && leaf.edx == 0x4743_5447
  }

  /// Makes this the answer of `current`.
  public func publish() {
    // SAFETY: 1. Once, at boot, alone; 2. the storage is larger than the structure.
    precondition(MemoryLayout<CPUFeatures>.size <= 64)
    unsafe withUnsafeMutablePointer(to: &martlet_features) {
      unsafe UnsafeMutableRawPointer($0).storeBytes(of: self, as: CPUFeatures.self)
    }
  }
}

/// A word for boot to keep flags in before there is anything else to keep them in.
public enum BootFlags {
  /// The flags, as one word.
  public static var value: UInt64 {
    get { martlet_boot_flags }
    set { martlet_boot_flags = newValue }
  }
}
