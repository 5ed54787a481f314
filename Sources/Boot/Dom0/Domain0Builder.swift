// SPDX-License-Identifier: Apache-2.0
// Making Domain 0: its memory, its first page tables, its start_info and its first vCPU. Page tables are written raw and then
// validated and pinned like any guest's, so a mistake here is refused instead of trusted.
import Domains
import Frames
import Images
import Machine
import XenABI

/// What the builder works from.
struct Domain0Plan {
  var kernel: KernelLayout
  var image: KernelImage
  var ramDisk: PhysicalRange?
  var commandLine: PhysicalText
  /// What follows it, after a blank: words that a boot loader could only add to the hypervisor's own command line.
  var appended: PhysicalText
  /// Frames at the start, and the most the domain may own.
  var pages: UInt64
  var limit: UInt64
  var vcpus: Int
}

/// Domain 0 in the making.
struct Domain0Builder {
  let domain: Ref<Domain>
  let plan: Domain0Plan
  let layout: StartLayout
  /// The first machine frame of the list of frames, which is contiguous.
  var list = MachineFrame.invalid
  var id: DomainID { domain[].id }

  init(domain: Ref<Domain>, plan: Domain0Plan) {
    self.domain = domain
    self.plan = plan
    layout = StartLayout(kernel: plan.kernel, ramDiskBytes: plan.ramDisk?.length ?? 0, pages: plan.pages)
  }

  /// The machine frame of one of the domain's.
  func machine(_ frame: UInt64) -> MachineFrame {
    MachineFrame(PhysicalWindow.load(list + frame &>> 9, word: Int(frame & 511)))
  }

  func setMachine(_ frame: UInt64, _ machine: MachineFrame) {
    PhysicalWindow.store(list + frame &>> 9, word: Int(frame & 511), machine.number)
    Ref<Hypervisor>.shared[].machineToPhysical.store(machine, frame)
  }

  // ---- Memory ----

  /// Allocates the list's own frames (contiguous), then those of the layout. The rest follows when boot's scratch memory is free.
  mutating func allocateStart() {
    guard layout.needed &+ 1024 <= plan.pages else {
      BootFailure.stop("not enough memory for Domain 0's kernel and RAM disk; raise dom0_mem or give the machine more")
    }
    let wanted = layout.list.count &+ layout.listTables.count
    var order = 0
    while UInt64(1) &<< UInt64(order) < wanted { order &+= 1 }
    guard let first = ledger[].allocate(for: id, order: order, keepOldData: true) else { outOfMemory() }
    list = first
    for index in 0..<layout.list.count { PhysicalWindow.clear(first + index) }
    for index in 0..<wanted { setMachine(layout.list.first &+ index, first + index) }
    // What the power of two gave too much.
    for index in wanted..<UInt64(1) &<< UInt64(order) { _ = ledger[].endAllocation(first + index, owner: id) }
    let isInside = layout.listTables.count == 0
    fill(from: 0, to: isInside ? layout.list.first : layout.list.first)
    if isInside { fill(from: layout.list.end, to: layout.needed) }
  }

  /// Allocates everything else.
  func allocateRest() {
    fill(from: layout.needed, to: plan.pages)
  }

  private func fill(from start: UInt64, to end: UInt64) {
    var frame = start
    var order = 18
    while frame < end {
      while UInt64(1) &<< UInt64(order) > end &- frame { order &-= 1 }
      guard let first = ledger[].allocate(for: id, order: order, keepOldData: true) else {
        if order == 0 { outOfMemory() }
        order &-= 1
        continue
      }
      for index in 0..<UInt64(1) &<< UInt64(order) { setMachine(frame &+ index, first + index) }
      frame &+= UInt64(1) &<< UInt64(order)
    }
  }

  private func outOfMemory() -> Never {
    BootFailure.stop("not enough memory for Domain 0; lower dom0_mem or give the machine more")
  }

  // ---- Contents ----

  /// Copies `count` bytes from physical memory to an address in the domain's own.
  func copy(from physical: UInt64, to address: UInt64, count: UInt64) {
    var done: UInt64 = 0
    while done < count {
      let from = physical &+ done
      let to = address &+ done
      let chunk = min(count &- done, 4096 &- from & 4095, 4096 &- to & 4095)
      PhysicalWindow.copy(
        from: MachineFrame(physical: from), at: Int(from & 4095), to: machine(to &>> 12), at: Int(to & 4095),
        count: Int(chunk))
      done &+= chunk
    }
  }

  func clear(from address: UInt64, count: UInt64) {
    var at = address
    let end = address &+ count
    while at < end {
      let chunk = min(end &- at, 4096 &- at & 4095)
      if chunk == 4096 {
        PhysicalWindow.clear(machine(at &>> 12))
      } else {
        for offset in 0..<chunk { PhysicalWindow.store8(machine(at &>> 12), byte: Int((at &+ offset) & 4095), 0) }
      }
      at &+= chunk
    }
  }

  /// Loads the kernel's segments and the RAM disk.
  func loadImages(_ elf: borrowing ELFImage) {
    for index in elf.segments.indices {
      let segment = elf.segments[index]
      let address = plan.kernel.domainAddress(of: segment)
      copy(from: plan.image.physical &+ UInt64(segment.file.offset), to: address, count: UInt64(segment.file.length))
      clear(from: address &+ UInt64(segment.file.length), count: segment.memorySize &- UInt64(segment.file.length))
    }
    if let disk = plan.ramDisk { copy(from: disk.start, to: layout.ramDisk.first &<< 12, count: disk.length) }
    if let page = plan.kernel.hypercallPage { HypercallPage.fill(machine((page &- layout.base) &>> 12)) }
  }

  // ---- Page tables ----

  /// Writes the initial page tables; gives the top-level one.
  func makeTables() -> MachineFrame {
    var maker = TableMaker(next: layout.tables.first, end: layout.tables.end)
    let root = take(&maker)
    map(root, &maker, address: layout.base, first: 0, count: layout.mapped, readOnly: layout.tables)
    if layout.listTables.count > 0 {
      var own = TableMaker(next: layout.listTables.first, end: layout.listTables.end)
      map(root, &own, address: layout.listAddress, first: layout.list.first, count: layout.list.count, readOnly: nil)
    }
    return machine(root)
  }

  struct TableMaker {
    var next: UInt64
    let end: UInt64
  }

  private func take(_ maker: inout TableMaker) -> UInt64 {
    precondition(maker.next < maker.end)
    PhysicalWindow.clear(machine(maker.next))
    defer { maker.next &+= 1 }
    return maker.next
  }

  private func map(
    _ root: UInt64, _ maker: inout TableMaker, address: UInt64, first: UInt64, count: UInt64, readOnly: FrameRun?
  ) {
    let bits = PTE.present | PTE.writable | PTE.user | PTE.accessed | PTE.dirty
    for index in 0..<count {
      let linear = LinearAddress(address &+ index &<< 12)
      var table = machine(root)
      var level = 4
      while level > 1 {
        let entry = PhysicalWindow.load(table, word: linear.index(level: level))
        if entry & PTE.present == 0 {
          let lower = machine(take(&maker))
          PhysicalWindow.store(table, word: linear.index(level: level), lower.physical | bits)
          table = lower
        } else {
          table = MachineFrame(physical: entry & PTE.frameMask)
        }
        level &-= 1
      }
      let frame = first &+ index
      let isTable = readOnly.map { frame >= $0.first && frame < $0.end } ?? false
      PhysicalWindow.store(
        table, word: linear.index(level: 1), machine(frame).physical | (isTable ? bits & ~PTE.writable : bits))
    }
  }

  /// Validates and pins the top-level table, and gives it to the vCPU: the same way as for any guest.
  func adopt(_ root: MachineFrame, _ vcpu: Ref<VCPU>) {
    domain.changingTables { session in
      do throws(XenError) {
        try ledger[].pin(root, level: 4, &session)
        try ledger[].use(root, level: 4, &session)
      } catch {
        BootFailure.stop("Domain 0's first page tables were refused; this is a bug of Martlet's")
      }
    }
    vcpu[].kernelTable = root
  }

  // ---- start_info and the first vCPU ----

  func writeStartInfo() {
    let page = machine(layout.startInfo)
    PhysicalWindow.clear(page)
    var magic = TextLine()
    magic.put("xen-3.0-x86_64")
    var offset = 0
    magic.forEach {
      PhysicalWindow.store8(page, byte: offset, $0)
      offset &+= 1
    }
    func set(_ offset: Int, _ value: UInt64) { PhysicalWindow.store(page, word: offset &>> 3, value) }
    set(StartInfoLayout.pages, plan.pages)
    set(StartInfoLayout.sharedInfo, domain[].sharedInfo.physical)
    // SIF_PRIVILEGED and SIF_INITDOMAIN.
    PhysicalWindow.store32(page, word: StartInfoLayout.flags &>> 2, 3)
    set(StartInfoLayout.tableBase, layout.address(layout.tables.first))
    set(StartInfoLayout.tableFrames, layout.tables.count)
    set(StartInfoLayout.list, layout.listAddress)
    if layout.ramDisk.count > 0 {
      set(StartInfoLayout.moduleStart, layout.address(layout.ramDisk.first))
      set(StartInfoLayout.moduleLength, layout.ramDiskBytes)
    }
    if layout.listTables.count > 0 {
      set(StartInfoLayout.firstListFrame, layout.list.first)
      set(StartInfoLayout.listFrames, layout.list.count &+ layout.listTables.count)
    }
    if let screen = TextScreen.asLeftByFirmware() { screen.describe(in: page) }
    let end = copy(plan.commandLine, to: page, at: 0)
    guard plan.appended.length > 0 else { return }
    if end > 0 && end < 1023 {
      PhysicalWindow.store8(page, byte: StartInfoLayout.commandLine &+ end, UInt8(ascii: " "))
    }
    _ = copy(plan.appended, to: page, at: end > 0 ? end &+ 1 : 0)
  }

  /// Copies text into the command line of the start_info in `page`, whose 1023 bytes may not hold all of it. Gives where it ends.
  private func copy(_ text: PhysicalText, to page: MachineFrame, at start: Int) -> Int {
    var end = start
    while end < 1023, end &- start < text.length,
      let byte = PhysicalReader().byte(at: text.address &+ UInt64(end &- start))
    {
      PhysicalWindow.store8(page, byte: StartInfoLayout.commandLine &+ end, byte)
      end &+= 1
    }
    return end
  }

  func startVCPU(_ vcpu: Ref<VCPU>) {
    vcpu[].registers.rip = plan.kernel.entry
    vcpu[].registers.cs = UInt64(GuestSelectors.code64)
    vcpu[].registers.rflags = 0x202
    vcpu[].registers.rsp = layout.address(layout.stack &+ 1)
    vcpu[].registers.ss = UInt64(GuestSelectors.data)
    vcpu[].registers.rsi = layout.address(layout.startInfo)
    vcpu[].info.isMasked = true
    vcpu[].isInitialised = true
  }
}
