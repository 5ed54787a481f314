// SPDX-License-Identifier: Apache-2.0
// The CPU's special registers under their own names. Each is one instruction.
import CMachine

/// The registers of what an entry interrupted, on this CPU's stack.
public typealias TrapFrame = martlet_frame

extension Ref where T == TrapFrame {
  /// The frame that the entry code pushed.
  /// - Safety: `pointer` is the argument of one of the `@c` entries.
  @unsafe public init(entry pointer: UnsafeMutablePointer<TrapFrame>) { unsafe self.init(pointer) }
}

extension martlet_frame {
  /// A frame of zeros.
  public static var zero: martlet_frame { martlet_frame() }

  /// Whether what was interrupted is a guest (ring 3).
  @inlinable public var isGuest: Bool { cs & 3 == 3 }

  /// Whether the frame may be left by SYSRET: RCX and R11 are dead.
  @inlinable public var leavesBySysret: Bool {
    get { vector & UInt32(MARTLET_VECTOR_SYSCALL) != 0 }
    set {
      if newValue { vector |= UInt32(MARTLET_VECTOR_SYSCALL) } else { vector &= ~UInt32(MARTLET_VECTOR_SYSCALL) }
    }
  }
}

/// Control and debug registers, segment registers and bases, and model-specific registers.
public enum Registers {
  /// CR0.
  @inlinable public static var cr0: UInt64 {
    get { martlet_read_cr0() }
    set { martlet_write_cr0(newValue) }
  }
  /// CR2: the address of the last page fault.
  @inlinable public static var cr2: UInt64 {
    get { martlet_read_cr2() }
    set { martlet_write_cr2(newValue) }
  }
  /// CR3.
  @inlinable public static var cr3: UInt64 { martlet_read_cr3() }
  /// CR4.
  @inlinable public static var cr4: UInt64 {
    get { martlet_read_cr4() }
    set { martlet_write_cr4(newValue) }
  }

  /// Makes `frame` the top-level page table of this CPU. The flush that comes with it is not noted (`TLB.setPageTable` does).
  @inlinable public static func setPageTable(_ frame: MachineFrame) { martlet_write_cr3(frame.physical) }

  /// CR0.TS, which makes the next FPU instruction fault.
  @inlinable public static func clearTaskSwitched() { martlet_clts() }
  /// Sets CR0.TS.
  @inlinable public static func setTaskSwitched() { martlet_write_cr0(martlet_read_cr0() | 8) }

  /// Debug register `index` (0 to 3, 6, 7).
  public static func debug(_ index: Int) -> UInt64 {
    switch index {
    case 0: martlet_read_dr0()
    case 1: martlet_read_dr1()
    case 2: martlet_read_dr2()
    case 3: martlet_read_dr3()
    case 6: martlet_read_dr6()
    default: martlet_read_dr7()
    }
  }
  /// Sets debug register `index`; others than 0 to 3 and 6 mean 7.
  public static func setDebug(_ index: Int, _ value: UInt64) {
    switch index {
    case 0: martlet_write_dr0(value)
    case 1: martlet_write_dr1(value)
    case 2: martlet_write_dr2(value)
    case 3: martlet_write_dr3(value)
    case 6: martlet_write_dr6(value)
    default: martlet_write_dr7(value)
    }
  }

  /// A model-specific register; nil when the CPU refuses the number.
  public static func msr(_ number: UInt32) -> UInt64? {
    var value: UInt64 = 0
    // SAFETY: 1. A local; 2. a refused number is fixed up.
    return unsafe martlet_rdmsr_safe(number, &value) ? value : nil
  }
  /// Writes a model-specific register; false when the CPU refuses number or value.
  @discardableResult public static func setMSR(_ number: UInt32, _ value: UInt64) -> Bool {
    martlet_wrmsr_safe(number, value)
  }

  // Segment bases. FS and GS are the guest's while the hypervisor runs; the inactive GS base is behind SWAPGS. The instructions for
  // them are there when the running guest wants them for itself (CR4.FSGSBASE); the registers always are.
  @inlinable @inline(__always) static var hasBaseInstructions: Bool { cr4 & CR4.segmentBases != 0 }
  /// The active FS base.
  @inlinable public static var fsBase: UInt64 {
    get { hasBaseInstructions ? martlet_rdfsbase() : martlet_rdmsr(MSRNumber.fsBase) }
    set { if hasBaseInstructions { martlet_wrfsbase(newValue) } else { martlet_wrmsr(MSRNumber.fsBase, newValue) } }
  }
  /// The active GS base.
  @inlinable public static var gsBase: UInt64 {
    get { hasBaseInstructions ? martlet_rdgsbase() : martlet_rdmsr(MSRNumber.gsBase) }
    set { if hasBaseInstructions { martlet_wrgsbase(newValue) } else { martlet_wrmsr(MSRNumber.gsBase, newValue) } }
  }
  /// The GS base behind SWAPGS.
  @inlinable public static var inactiveGSBase: UInt64 {
    get { martlet_rdmsr(MSRNumber.kernelGSBase) }
    set { martlet_wrmsr(MSRNumber.kernelGSBase, newValue) }
  }
  /// Exchanges the active and the inactive GS base.
  @inlinable public static func swapGS() { martlet_swapgs() }

  // Data segment selectors: the guest's, as nothing here uses them. A load of a bad one gives false and leaves null.
  /// The DS selector.
  @inlinable public static var ds: UInt16 { martlet_read_ds() }
  /// The ES selector.
  @inlinable public static var es: UInt16 { martlet_read_es() }
  /// The FS selector.
  @inlinable public static var fs: UInt16 { martlet_read_fs() }
  /// The GS selector.
  @inlinable public static var gs: UInt16 { martlet_read_gs() }
  /// Loads DS; false if the CPU refuses the selector.
  public static func loadDS(_ s: UInt16) -> Bool { martlet_load_ds(s) }
  /// Loads ES; false if the CPU refuses the selector.
  public static func loadES(_ s: UInt16) -> Bool { martlet_load_es(s) }
  /// Loads FS and with it its base; false if the CPU refuses the selector.
  public static func loadFS(_ s: UInt16) -> Bool { martlet_load_fs(s) }
  /// Loads GS and with it the active base; false if the CPU refuses the selector.
  public static func loadGS(_ s: UInt16) -> Bool { martlet_load_gs(s) }

  /// Writes back and empties the caches.
  public static func writeBackCaches() { martlet_wbinvd() }

  /// Sets XCR0; false when the CPU refuses the value.
  public static func setXCR0(_ value: UInt64) -> Bool { martlet_xsetbv(0, value) }

  /// The CPUID leaf as the hardware has it.
  @inlinable public static func cpuid(_ leaf: UInt32, _ subleaf: UInt32 = 0) -> (
    eax: UInt32, ebx: UInt32, ecx: UInt32, edx: UInt32
  ) {
    let r = martlet_cpuid(leaf, subleaf)
    return (r.eax, r.ebx, r.ecx, r.edx)
  }

  /// Halts with interrupts on until one comes; they are off again afterwards.
  public static func waitForInterrupt() {
    Stretch.measure()
    martlet_sti_hlt_cli()
    Stretch.resume()
  }
  /// Lets pending interrupts in. Another stretch begins.
  public static func allowInterrupts() {
    Stretch.measure()
    martlet_sti_nop_cli()
    Stretch.resume()
  }
  /// One turn of a loop that waits for something outside this CPU.
  public static func pause() { martlet_pause() }
  /// Stops this CPU for good (an NMI or reset ends it).
  public static func stop() -> Never {
    while true {
      martlet_cli()
      martlet_hlt()
    }
  }
}

/// I/O ports.
public enum Ports {
  /// Reads a byte.
  @inlinable public static func in8(_ port: UInt16) -> UInt8 { martlet_in8(port) }
  /// Reads two bytes.
  @inlinable public static func in16(_ port: UInt16) -> UInt16 { martlet_in16(port) }
  /// Reads four bytes.
  @inlinable public static func in32(_ port: UInt16) -> UInt32 { martlet_in32(port) }
  /// Writes a byte.
  @inlinable public static func out8(_ port: UInt16, _ value: UInt8) { martlet_out8(port, value) }
  /// Writes two bytes.
  @inlinable public static func out16(_ port: UInt16, _ value: UInt16) { martlet_out16(port, value) }
  /// Writes four bytes.
  @inlinable public static func out32(_ port: UInt16, _ value: UInt32) { martlet_out32(port, value) }
}
