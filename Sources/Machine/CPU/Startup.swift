// SPDX-License-Identifier: Apache-2.0
// Steps that every CPU takes on its way up, and the start of the others.
import CMachine

#if !os(Linux)
  /// Bringing CPUs up.
  public enum Startup {
    /// Sets the control registers as the hypervisor runs with: write protection on, no global pages, SMEP and SMAP where
    /// the CPU has them and the command line allows, FPU ready, XSAVE on, transactions off unless `tsx=` wants them. What of CR4
    /// is a guest's choice comes with the guest.
    public static func configureCPU(smep: Bool, smap: Bool, tsx: Bool) {
      let f = CPUFeatures.current
      martlet_write_cr0(0x8005_0033 & ~0x4_0000)
      martlet_write_cr4(CR4.initial(f, smep: smep, smap: smap))
      InheritedRegisters.forgetSystemEnter()
      if f.transactionControl { InheritedRegisters.setTransactions(on: tsx) }
      if f.xsave { _ = martlet_xsetbv(0, f.xcr0) }
      // PAT as the Xen ABI has it: WB, WT, UC-, UC, WC, WP, UC, UC.
      martlet_wrmsr(MSRNumber.pageAttributes, 0x0000_0501_0007_0406)
      // SCE and NXE: SYSCALL, and pages from which nothing is executed.
      martlet_wrmsr(MSRNumber.extendedFeatures, martlet_rdmsr(MSRNumber.extendedFeatures) | 0x801)
    }

    /// Turns the marked three-byte no-ops into STAC and CLAC. Once, before text becomes read-only, on a CPU with SMAP.
    public static func patchGuestAccess() {
      // SAFETY: 1. The linker's bounds of pairs of address and bytes; the addresses are of three-byte no-ops of ours.
      var at = unsafe UnsafeRawPointer(martlet_access_patches_start_address())
      let stop = unsafe UnsafeRawPointer(martlet_access_patches_end_address())
      while unsafe at < stop {
        let target = unsafe UnsafeMutableRawPointer(bitPattern: UInt(at.load(as: UInt64.self))).unsafelyUnwrapped
        let bytes = unsafe at.load(fromByteOffset: 8, as: UInt64.self)
        for index in 0..<3 {
          unsafe target.storeBytes(
            of: UInt8(truncatingIfNeeded: bytes &>> UInt64(8 &* index)), toByteOffset: index, as: UInt8.self)
        }
        unsafe at += 16
      }
    }

    /// Copies the real-mode trampoline to a page below 1 MiB.
    public static func placeTrampoline(at frame: MachineFrame) {
      // SAFETY: 1. The linker's bounds of the trampoline, shorter than a page.
      let start = unsafe UnsafeRawPointer(martlet_trampoline_start_address())
      let count = unsafe UnsafeRawPointer(martlet_trampoline_end_address()) - start
      precondition(count <= 4096)
      unsafe PhysicalWindow.address(frame, 0).copyMemory(from: start, byteCount: count)
    }

    /// What the next CPU to start picks up: page tables and stack.
    public static func prepare<Record: PerCPURecord & ~Copyable>(root: MachineFrame, area: CPUArea, record: Ref<Record>)
    {
      area.bind(record: record)
      martlet_ap_cr3 = root.physical
      // Below the place of a guest's frame.
      martlet_ap_stack = area.stackTop &- 192
      martlet_fence()
    }

    /// Sends the start sequence to a CPU whose trampoline lies in the page of that number.
    public static func start(apicID: UInt32, page: UInt8, delay: (UInt64) -> Void) {
      LocalAPIC.sendInit(apicID: apicID)
      delay(10_000)
      LocalAPIC.sendStartUp(apicID: apicID, page: page)
      delay(300)
      LocalAPIC.sendStartUp(apicID: apicID, page: page)
    }

    /// How many bytes of the boot stack have never been used. No page guards it, and one that goes beyond its end finds no record
    /// of its CPU: boot looks here when it is done.
    public static var bootStackLeft: Int {
      // SAFETY: 1. A static array that is never moved, of words that were zero when the loader left.
      let words = unsafe UnsafeRawBufferPointer(start: martlet_boot_stack_address(), count: Int(MARTLET_STACK_SIZE))
      var left = 0
      while left < Int(MARTLET_STACK_SIZE), unsafe words.load(fromByteOffset: left, as: UInt64.self) == 0 { left &+= 8 }
      return left
    }
    /// The least that has to be left.
    public static var bootStackReserve: Int { 16384 }

    /// Leaves the boot stack for good and goes on at `entry` on the stack of `area`.
    public static func switchStack(to area: CPUArea, entry: @convention(c) () -> Void) -> Never {
      // SAFETY: 1. The area's stack is mapped and fresh.
      martlet_switch_stack(area.stackTop, entry)
    }

    /// Resumes whatever the frame at the top of this CPU's stack holds.
    public static func resumeGuest() -> Never { martlet_resume_guest() }

    /// Has the machine reset by a fault that nothing can handle: the last resort.
    public static func tripleFault() -> Never { martlet_reset_by_triple_fault() }

    /// Whether the loader spoke multiboot 1 or 2, by the value it left in EAX.
    public static let multiboot1: UInt32 = 0x2bad_b002
    /// EAX from a multiboot 2 loader.
    public static let multiboot2: UInt32 = 0x36d7_6289
  }
#endif

extension CPUs {
  /// The frame at the top of this CPU's stack: the guest's registers while the hypervisor runs on its behalf.
  @inlinable @inline(__always)
  public static var guestFrame: Ref<TrapFrame> {
    // SAFETY: 1. Every entry from a guest pushes exactly there; before the first one the stack is zeros, a value too.
    unsafe Ref(
      UnsafeMutableRawPointer(
        bitPattern: UInt(bitPattern: martlet_current_stack_info()) &- UInt(MemoryLayout<martlet_frame>.size)
      ).unsafelyUnwrapped.assumingMemoryBound(to: martlet_frame.self))
  }
}
