// SPDX-License-Identifier: Apache-2.0
// Non-maskable interrupts: from another CPU that panics they stop this one; from hardware they are Domain 0's to judge.
import Machine
import XenABI

/// Why hardware raised a non-maskable interrupt (XEN_NMIREASON_* in xen/nmi.h), as bits.
public enum NMIReason {
  /// A device's I/O check.
  public static let ioError: UInt64 = 1
  /// A PCI system error.
  public static let pciSystemError: UInt64 = 2
  /// Nobody says why.
  public static let unknown: UInt64 = 4

  /// From what the system control port (I/O port 0x61) shows.
  public static func decode(controlPort value: UInt8) -> UInt64 {
    let known = (value & 0x40 != 0 ? ioError : 0) | (value & 0x80 != 0 ? pciSystemError : 0)
    return known == 0 ? unknown : known
  }
}

/// The NMI entry's safe body. It may have interrupted anything, so it takes no lock and prints nothing: it leaves a note and
/// has this CPU interrupt itself, so that the note is read where locks may be taken.
public enum NMIDispatch {
  /// Handles one, on the NMI stack.
  public static func handle(_ frame: Ref<TrapFrame>) {
    if PanicState.isUnderway {
      PanicState.record(frame)
      Registers.stop()
    }
    guard Ref<Hypervisor>.isPublished, let cpu = Ref<Hypervisor>.shared[].cpus[CPUs.current] else { return }
    note(cpu, controlPort: Ports.in8(0x61))
    LocalAPIC.sendFromNMI(.wake, to: CPUs.current)
  }

  /// Leaves the note.
  static func note(_ cpu: Ref<PhysicalCPU>, controlPort: UInt8) {
    let reasons = NMIReason.decode(controlPort: controlPort)
    if reasons & NMIReason.unknown != 0 { cpu[].unknownNMIs.fetchAdd(1) }
    cpu[].nmiReasons.fetchOr(reasons)
    cpu[].work.fetchOr(CPUWork.nmi)
  }

  /// Hands what was noted on to Domain 0's first vCPU, with the reasons where its kernel looks for them.
  static func handOn(_ cpu: Ref<PhysicalCPU>) {
    let reasons = cpu[].nmiReasons.exchange(0)
    guard reasons != 0 else { return }
    if reasons & NMIReason.unknown != 0 { report(cpu) }
    guard let domain = Hypervisor.domain(DomainID(0)), let vcpu = domain[].vcpu(index: 0) else { return }
    PhysicalWindow.fetchOr(domain[].sharedInfo, word: SharedInfoLayout.nmiReason &>> 3, reasons)
    vcpu[].pending.fetchOr(VCPUPending.nmi)
    vcpu.kick()
  }

  /// Tells of the first few, and then of every thousandth: a stuck line must not drown the console.
  private static func report(_ cpu: Ref<PhysicalCPU>) {
    let count = cpu[].unknownNMIs.load()
    guard count <= 3 || count % 1000 == 0 else { return }
    Log.write(.warning) {
      $0.put("CPU ")
      $0.put(decimal: UInt64(cpu[].number))
      $0.put(": non-maskable interrupt without a reason, number ")
      $0.put(decimal: count)
    }
  }
}
