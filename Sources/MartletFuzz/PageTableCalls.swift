// SPDX-License-Identifier: Apache-2.0
// Random calls about page tables, and what a guest does to memory by itself.
import Domains
import Frames
import Machine
import XenABI

extension Episode {
  /// `mmu_update` with a few requests.
  func pageTableUpdates(_ guest: Guest) -> Call {
    let count = 1 + random.below(4)
    let start = cursor
    for _ in 0..<count {
      let level = random.pick([0, 1, 1, 1, 2, 2, 3, 4])
      let table = frame(guest, level: level)
      let kind = random.pick([0, 0, 0, 0, 2, 2, 1, 3, 4] as [UInt64])
      put(table.number << 12 | UInt64(index(level: level)) << 3 | kind)
      put(kind == 1 ? random.number() : entry(guest, level: max(level, 1)))
    }
    let length = random.chance(97) ? UInt64(count) : random.number()
    let done = random.chance(50) ? 0 : Guest.argument(7)
    return Call(1, pointer(cursor - start), length, done, subject())
  }

  /// `mmuext_op` with a few operations.
  func extendedOperations(_ guest: Guest) -> Call {
    let count = 1 + random.below(3)
    let start = cursor
    for _ in 0..<count {
      let command = random.pick(
        [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 4, 5, 5, 15, 15, 6, 7, 8, 10, 12, 13, 16, 17, 19, 21] as [UInt64])
      put(random.chance(98) ? command : random.number())
      switch command {
      case 0...3: put(frame(guest, level: Int(command) + 1).number)
      case 4: put(frame(guest, level: 1 + random.below(4)).number)
      case 5, 15: put(random.chance(6) ? 0 : frame(guest, level: 4).number)
      case 13: put(random.chance(50) ? Guest.dataPage(random.below(16)) : linear() & ~0xfff)
      case 16, 17: put(frame(guest, level: 0).number)
      default: put(linear())
      }
      switch command {
      case 8: put(random.chance(80) ? Guest.argument(1) : linear())
      case 13: put(random.number() & 0x3fff)
      case 17: put(frame(guest, level: random.below(2)).number)
      default: put(random.number())
      }
    }
    return Call(26, pointer(cursor - start), UInt64(count), random.chance(70) ? 0 : Guest.argument(7), subject())
  }

  /// `update_va_mapping`, for the guest's own frames or another's.
  func mappingUpdate(_ guest: Guest) -> Call {
    let flush = random.pick([0, 0, 1, 2, 1 | 4, 2 | 4, 3, Guest.argument(1) | 1] as [UInt64])
    if random.chance(80) { return Call(14, linear(), entry(guest, level: 1), flush) }
    let other = random.pick(guests)
    return Call(22, linear(), entry(other, level: 1), flush, UInt64(random.chance(80) ? other.id : domainNumber()))
  }

  /// The guest uses memory: reads or writes a page that it has mapped, to whatever frame that may lead.
  func touch(_ guest: Guest, _ vcpu: Ref<VCPU>) {
    guard let root = vcpu[].kernelTable else { return }
    let address = LinearAddress(
      random.chance(70) ? Guest.slots + UInt64(130 + random.below(6)) << 12 : linear() & ~0xfff)
    guard address.isCanonical, !address.isHypervisor, let found = Translations.walk(root, address) else { return }
    translations.note(found.frame, isWritable: found.isWritable)
    if isTraced { doing = "touches \(found.frame.number), writable: \(found.isWritable)" }
    guard found.isWritable, random.chance(60) else { return }
    _ = try? GuestMemory.write(address + UInt64(random.below(512)) * 8, entry(guest, level: 1 + random.below(4)))
  }

  /// The guest prepares a table-to-be: writes an entry to a frame that it may write, through a mapping of its own.
  func write(_ guest: Guest, _ vcpu: Ref<VCPU>) {
    let level = 1 + random.below(4)
    let table = random.pick(guest.tables[level])
    if isTraced { doing = "prepares \(table.number) as level \(level)" }
    for _ in 0..<3 {
      let value = entry(guest, level: level)
      let start = cursor
      put(table.number << 12 | UInt64(index(level: level)) << 3)
      put(value)
      make(Call(1, Guest.argument(0) + UInt64(start), 1, 0, UInt64(DomainID.current.raw)))
    }
  }

  /// The guest fills whole tables-to-be, as it can with any frame that it may write: one, or so many that work on the tree is
  /// preempted.
  func fill(_ guest: Guest) {
    if random.chance(15) {
      for level in 1...3 { for table in guest.tables[level].dropFirst(2) { fill(guest, table, level) } }
      if isTraced { doing = "fills all tables" }
    } else {
      let level = random.pick([1, 1, 1, 2, 2, 3])
      let table = random.pick(Array(guest.tables[level].dropFirst(2)))
      fill(guest, table, level)
      if isTraced { doing = "fills \(table.number) as level \(level)" }
      if random.chance(20), ledger[].takeWritable(table, owner: DomainID(guest.id)) {
        PhysicalWindow.store(table, word: random.below(512), random.chance(50) ? 0 : entry(guest, level: level))
        ledger[].dropWritable(table)
      }
    }
  }

  private func fill(_ guest: Guest, _ table: MachineFrame, _ level: Int) {
    guard ledger[].takeWritable(table, owner: DomainID(guest.id)) else { return }
    defer { ledger[].dropWritable(table) }
    for index in 0..<512 {
      let target = level == 1 ? random.pick(guest.all) : random.pick(guest.tables[level - 1])
      PhysicalWindow.store(table, word: index, target.physical | PTE.present | PTE.user)
    }
  }

  /// The guest writes to a page that it may only read: if that is a live page table, the write is emulated.
  func pageFault(_ guest: Guest, _ vcpu: Ref<VCPU>) {
    load(Call(0))
    let frame = machine.frame
    let target =
      Guest.slots + UInt64(130 + random.below(6)) << 12 + UInt64(random.below(520)) * 8 + (random.chance(5) ? 3 : 0)
    frame[].rip = Guest.code + UInt64(random.below(Episode.snippets.count)) * 16
    frame[].rdi = target
    frame[].rax = entry(guest, level: 1)
    frame[].rdx = entry(guest, level: 1)
    frame[].rcx = UInt64(random.below(4))
    frame[].rsi = Guest.dataPage(0)
    frame[].vector = 14
    frame[].error_code = random.chance(90) ? 7 : UInt32(truncatingIfNeeded: random.number() & 0x1f)
    Registers.cr2 = random.chance(95) ? target : random.next()
    if isTraced { doing = "page fault at \(String(Registers.cr2, radix: 16))" }
    TrapDispatch.pageFault(frame)
  }

  /// The life of another domain's frame that the guest, if it may, maps, uses and unmaps, before it becomes a table there.
  func foreignLife(_ guest: Guest, _ vcpu: Ref<VCPU>) {
    let other = random.pick(guests)
    let table = random.pick(other.tables[1])
    let place = Guest.slots + UInt64(140 + random.below(4)) << 12
    make(Call(22, place, table.physical | 7, 0, UInt64(other.id)))
    if let root = vcpu[].kernelTable, let found = Translations.walk(root, LinearAddress(place)) {
      translations.note(found.frame, isWritable: found.isWritable)
    }
    if random.chance(20) { act(guest, vcpu) }
    guard running?.vcpu == vcpu, vcpu[].isKernelMode else { return }
    make(Call(14, place, 0, UInt64(random.below(2))))
    beginArguments()
    let start = cursor
    for word in [0, table.number, 0] { put(word) }
    make(Call(26, Guest.argument(0) + UInt64(start), 1, 0, (UInt64(other.id) + 1) << 16 | UInt64(other.id)))
  }

  /// Instructions that write memory: mov, lock cmpxchg, xchg, or, and, mov byte, stos, movs, bts, inc.
  static let snippets: [[UInt8]] = [
    [0x48, 0x89, 0x07], [0xf0, 0x48, 0x0f, 0xb1, 0x17], [0x48, 0x87, 0x07], [0x48, 0x09, 0x07], [0x48, 0x21, 0x07],
    [0x88, 0x07], [0x48, 0xab], [0xf3, 0x48, 0xa5], [0x48, 0x0f, 0xba, 0x2f, 0x01], [0x48, 0xff, 0x07],
    [0x66, 0x89, 0x07],
    [0x89, 0x47, 0x04],
  ]

  /// Puts the instructions into every guest's page of code, and a handler for every exception into its trap tables.
  func prepareCode() {
    for guest in guests {
      let page = guest.data[Guest.argumentPages + 1]
      for (index, bytes) in Episode.snippets.enumerated() {
        for (offset, byte) in bytes.enumerated() { PhysicalWindow.store8(page, byte: index * 16 + offset, byte) }
      }
      for vcpu in guest.vcpus {
        for vector in 0..<32 {
          try? vcpu.setTrap(vector: UInt8(vector), word: 3 << 8 | 0xe033 << 16, address: Guest.code)
        }
        vcpu[].callbacks.syscall = Guest.code
        vcpu[].callbacks.failsafe = Guest.code
      }
    }
  }
}
