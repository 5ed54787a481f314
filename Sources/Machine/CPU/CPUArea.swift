// SPDX-License-Identifier: Apache-2.0
// Each CPU's 2 MiB area: the descriptor tables that the running guest's segments come from, the task state, and the stacks with
// unmapped pages below them.
//
// The area has one level-1 table. Its first sixteen entries are the running vCPU's GDT frames (the fifteenth is our own page
// with the flat segments and the task state), the next sixteen its LDT frames; they are rewritten when another vCPU is
// switched in. No page tables per vCPU are needed for this.
import CMachine

/// One CPU's area: its level-1 table and what is fixed in it.
public struct CPUArea: BitwiseCopyable {
  let table: MachineFrame
  let number: Int
  // A frame of zeros, shown read-only where there is no GDT page: descriptors there are absent, not addresses that fault.
  let zeros: MachineFrame

  /// The address of the first GDT entry.
  public var gdtBase: UInt64 { HypervisorSpace.cpuArea(number) }
  /// The address of the first LDT entry.
  public var ldtBase: UInt64 { HypervisorSpace.cpuArea(number) &+ UInt64(MARTLET_AREA_LDT) &<< 12 }
  /// The top of the ordinary stack, below its information block.
  public var stackTop: UInt64 { Self.stackTop(number, Int(MARTLET_AREA_STACK)) }

  /// Pages from one stack's bottom, where its addresses begin, to its top.
  static var stackPages: Int { Int(MARTLET_STACK_SIZE) / 4096 }

  /// How many pages are there of the stack that begins at a page of the area, up to its top; below them nothing is mapped.
  static func mappedPages(ofStackAt page: Int) -> Int { page == Int(MARTLET_AREA_STACK) ? 8 : 4 }

  static func stackTop(_ number: Int, _ page: Int) -> UInt64 {
    HypervisorSpace.cpuArea(number) &+ UInt64(page) &<< 12 &+ UInt64(MARTLET_STACK_SIZE)
      &- UInt64(MARTLET_STACK_INFO_SIZE)
  }

  /// Makes the area of CPU `number`. Nil without memory.
  public init?(number: Int, tables: borrowing HypervisorPageTables, memory: inout BootMemory) {
    guard number < CPUs.limit,
      let table = tables.lastTable(linear: HypervisorSpace.cpuArea(number), memory: &memory)
    else { return nil }
    self.table = table
    self.number = number
    let data = PTE.present | PTE.writable | PTE.noExecute
    guard let gdt = memory.allocate(frames: 1), let tss = memory.allocate(frames: 1),
      let zeros = memory.allocate(frames: 1)
    else { return nil }
    self.zeros = zeros
    PhysicalWindow.clear(zeros)
    for page in 0..<16 where page != Int(MARTLET_AREA_GDT_OWN) {
      PhysicalWindow.store(table, word: page, zeros.physical | PTE.present | PTE.noExecute)
    }
    PhysicalWindow.clear(gdt)
    PhysicalWindow.clear(tss)
    PhysicalWindow.store(table, word: Int(MARTLET_AREA_GDT_OWN), gdt.physical | data)
    PhysicalWindow.store(table, word: Int(MARTLET_AREA_TSS), tss.physical | data)
    let stacks: InlineArray<5, Int32> = [
      MARTLET_AREA_STACK, MARTLET_AREA_NMI_STACK, MARTLET_AREA_FAULT_STACK, MARTLET_AREA_CHECK_STACK,
      MARTLET_AREA_DEBUG_STACK,
    ]
    for stack in stacks.indices {
      let page = stacks[stack]
      let pages = Self.mappedPages(ofStackAt: Int(page))
      for index in Self.stackPages &- pages..<Self.stackPages {
        guard let frame = memory.allocate(frames: 1) else { return nil }
        PhysicalWindow.clear(frame)
        PhysicalWindow.store(table, word: Int(page) &+ index, frame.physical | data)
        if index == Self.stackPages &- 1 {
          // The information block at the top, through the window: the area itself may not be mapped here yet.
          PhysicalWindow.store(frame, word: 504, Self.stackTop(number, Int(MARTLET_AREA_STACK)))
          PhysicalWindow.store(frame, word: 510, UInt64(number))
        }
      }
    }
    fill(gdt: gdt)
    fill(tss: tss)
  }

  /// Has all of the area's stacks name the CPU's record, so that `Ref.current` finds it.
  public func bind<Record: PerCPURecord & ~Copyable>(record: Ref<Record>) {
    let stacks: InlineArray<5, Int32> = [
      MARTLET_AREA_STACK, MARTLET_AREA_NMI_STACK, MARTLET_AREA_FAULT_STACK, MARTLET_AREA_CHECK_STACK,
      MARTLET_AREA_DEBUG_STACK,
    ]
    for index in stacks.indices {
      let entry = PhysicalWindow.load(table, word: Int(stacks[index]) &+ Self.stackPages &- 1)
      PhysicalWindow.store(MachineFrame(physical: entry & PTE.frameMask), word: 511, record.identity)
    }
  }

  func fill(gdt: MachineFrame) {
    func set(_ selector: Int32, _ value: UInt64) {
      PhysicalWindow.store(gdt, word: Int((selector & 0xff8) &>> 3), value)
    }
    set(MARTLET_CS, 0x00af_9b00_0000_ffff)
    set(MARTLET_DS, 0x00cf_9300_0000_ffff)
    set(MARTLET_GUEST_CS32, 0x00cf_fb00_0000_ffff)
    set(MARTLET_GUEST_DS, 0x00cf_f300_0000_ffff)
    set(MARTLET_GUEST_CS64, 0x00af_fb00_0000_ffff)
    let tss = HypervisorSpace.cpuArea(number) &+ UInt64(MARTLET_AREA_TSS) &<< 12
    set(MARTLET_TSS, Self.systemDescriptor(base: tss, limit: 103, type: 9))
    set(MARTLET_TSS &+ 8, tss &>> 32)
  }

  static func systemDescriptor(base: UInt64, limit: UInt64, type: UInt64) -> UInt64 {
    limit & 0xffff | (base & 0xff_ffff) &<< 16 | (0x80 | type) &<< 40 | (limit &>> 16 & 15) &<< 48
      | (base &>> 24 & 0xff) &<< 56
  }

  func fill(tss: MachineFrame) {
    func set(_ offset: Int, _ value: UInt64) {
      // Fields of a task state are 4-byte aligned only.
      PhysicalWindow.store32(tss, word: offset &>> 2, UInt32(truncatingIfNeeded: value))
      PhysicalWindow.store32(tss, word: offset &>> 2 &+ 1, UInt32(truncatingIfNeeded: value &>> 32))
    }
    set(4, stackTop)
    set(36, Self.stackTop(number, Int(MARTLET_AREA_NMI_STACK)))
    set(44, Self.stackTop(number, Int(MARTLET_AREA_FAULT_STACK)))
    set(52, Self.stackTop(number, Int(MARTLET_AREA_CHECK_STACK)))
    set(60, Self.stackTop(number, Int(MARTLET_AREA_DEBUG_STACK)))
    PhysicalWindow.store32(tss, word: 25, 104 &<< 16)
  }

  #if !os(Linux)
    /// Has the CPU that runs this, which must be this area's, use it: GDT, task state, IDT, SYSCALL.
    public func load() {
      martlet_lgdt(gdtBase, 0xffff)
      martlet_reload_segments()
      martlet_ltr(UInt16(MARTLET_TSS))
      martlet_lldt(0)
      _ = martlet_load_ds(0)
      _ = martlet_load_es(0)
      _ = martlet_load_fs(0)
      _ = martlet_load_gs(0)
      InterruptTable.load()
      // SAFETY: 1. Static tables with an entry for every CPU; the number was checked when the area was made.
      let stub = unsafe martlet_syscall_stubs_address().load(fromByteOffset: number &* 8, as: UInt64.self)
      let compatStub = unsafe martlet_compat_stubs_address().load(fromByteOffset: number &* 8, as: UInt64.self)
      unsafe martlet_syscall_slots_address().storeBytes(
        of: stackTop, toByteOffset: number &* Int(MARTLET_SYSCALL_SLOT_SIZE) &+ 8, as: UInt64.self)
      martlet_wrmsr(MSRNumber.systemCallTarget, UInt64(MARTLET_GUEST_CS32) &<< 48 | UInt64(MARTLET_CS) &<< 32)
      martlet_wrmsr(MSRNumber.systemCallEntry, stub)
      martlet_wrmsr(MSRNumber.systemCallEntry32, compatStub)
      // Cleared on entry: TF, IF, DF, IOPL, NT, RF, VM, AC.
      martlet_wrmsr(MSRNumber.systemCallMask, 0x7_7700)
    }
  #endif

  /// Has GDT page `page` (0 to 13) show `frame`, or nothing. The caller flushes or reloads CR3 before it counts on it.
  public func setGDT(page: Int, _ frame: MachineFrame?) {
    precondition(page >= 0 && page < Int(MARTLET_AREA_GDT_OWN))
    if let frame {
      setEntry(page, frame)
    } else {
      PhysicalWindow.store(table, word: page, zeros.physical | PTE.present | PTE.noExecute)
    }
  }

  /// Has LDT page `page` (0 to 15) show `frame`, or nothing.
  @inlinable public func setLDT(page: Int, _ frame: MachineFrame?) {
    precondition(page >= 0 && page < 16)
    setEntry(Int(MARTLET_AREA_LDT) &+ page, frame)
  }

  /// The frame that GDT page `page` (0 to 13) shows; the hypervisor's page of zeros where it shows none.
  public func gdtFrame(page: Int) -> MachineFrame {
    precondition(page >= 0 && page < Int(MARTLET_AREA_GDT_OWN))
    return MachineFrame(physical: PhysicalWindow.load(table, word: page) & PTE.frameMask)
  }

  @usableFromInline func setEntry(_ index: Int, _ frame: MachineFrame?) {
    var entry: UInt64 = 0
    // Writable, because the CPU sets the accessed bit of descriptors; but only the hypervisor can name these addresses.
    if let frame { entry = frame.physical | PTE.present | PTE.writable | PTE.noExecute }
    PhysicalWindow.store(table, word: index, entry)
  }

  /// Whether LDT page `page` shows a frame.
  public func hasLDT(page: Int) -> Bool {
    PhysicalWindow.load(table, word: Int(MARTLET_AREA_LDT) &+ page) & PTE.present != 0
  }

  /// Sets the descriptor that LLDT loads to the area's LDT of `entries` descriptors, and loads it; none for zero.
  public func loadLDT(entries: Int) {
    guard entries > 0 else {
      martlet_lldt(0)
      return
    }
    let own = MachineFrame(physical: PhysicalWindow.load(table, word: Int(MARTLET_AREA_GDT_OWN)) & PTE.frameMask)
    let index = Int((MARTLET_LDT & 0xff8) &>> 3)
    PhysicalWindow.store(
      own, word: index, Self.systemDescriptor(base: ldtBase, limit: UInt64(entries &* 8 &- 1), type: 2))
    PhysicalWindow.store(own, word: index &+ 1, ldtBase &>> 32)
    martlet_lldt(UInt16(MARTLET_LDT))
  }
}
