// SPDX-License-Identifier: Apache-2.0
// Kernels that write a live page table as if it were theirs: the write faults, because tables are mapped read-only, and is done
// for them here, validated like any other.
import Frames
import Instructions
import Machine
import XenABI

enum WritablePageTables {
  /// If the fault at `address` is a kernel's write to a live page table, does the write. Gives whether the fault is settled.
  ///
  /// Level-2 tables too: GNU Mach writes those. No kernel is known that writes higher ones, and those stay faults.
  static func emulate(_ vcpu: Ref<VCPU>, _ address: UInt64, _ frame: Ref<TrapFrame>) -> Bool {
    let domain = vcpu[].domain
    guard let place = GuestTables.level1Entry(vcpu, LinearAddress(address)),
      place.value & (PTE.present | PTE.writable) == PTE.present
    else { return false }
    let table = MachineFrame(physical: place.value & PTE.frameMask)
    let word = ledger[].type(table)
    guard word.type == .level1 || word.type == .level2, word.isValidated, word.count > 0,
      ledger[].owner(table) == domain[].id
    else {
      return false
    }
    if let done = exchange(vcpu, domain, table, address, frame) { return done }
    guard let instruction = fetch(frame) else { return false }
    return perform(instruction, vcpu, domain, table, address, frame)
  }

  /// The instruction that kernels take an entry out of a live table with, XCHG of a 64-bit register and memory in its short
  /// forms, done without the decoder. Nil if it is another one; otherwise whether the fault is settled.
  @inline(__always)
  private static func exchange(
    _ vcpu: Ref<VCPU>, _ domain: Ref<Domain>, _ table: MachineFrame, _ address: UInt64, _ frame: Ref<TrapFrame>
  ) -> Bool? {
    guard address & 7 == 0, frame[].cs & 0xffff == UInt64(GuestSelectors.code64),
      let bytes = try? GuestMemory.readWords2(LinearAddress(frame[].rip)),
      let instruction = ShortExchange(bytes.w0)
    else { return nil }
    let index = Int((address & 0xfff) &>> 3)
    let value = frame[].general(instruction.register)
    for _ in 0..<3 {
      let old = PhysicalWindow.load(table, word: index)
      let isWritten: Bool
      do { isWritten = try write(value, over: old, table, index, domain) } catch { return error == .restart }
      if !isWritten { continue }
      frame[].setGeneral(instruction.register, old)
      Emulation.retire(instruction.length, vcpu, frame)
      return true
    }
    return true
  }

  /// Puts `new` in the place of an entry that is still `old`. False if it is not any more.
  ///
  /// - Throws: `restart` when preempted; otherwise what makes the new entry bad.
  @inline(__always)
  private static func write(
    _ new: UInt64, over old: UInt64, _ table: MachineFrame, _ index: Int, _ domain: Ref<Domain>
  ) throws(XenError) -> Bool {
    try domain.changingTables { session throws(XenError) in
      try ledger[].updateEntry(EntryChange(table, index, to: new, expected: old), &session)
    }
  }

  /// Decodes the instruction at the guest's RIP, if it is one that writes memory.
  private static func fetch(_ frame: Ref<TrapFrame>) -> MemoryInstruction? {
    let bytes = Emulation.fetch(frame[].rip)
    guard case .decoded(let instruction) = MemoryInstruction.decode(bytes, mode: .long), instruction.writesMemory,
      instruction.size != .doubleQuadword
    else { return nil }
    return instruction
  }

  private static func perform(
    _ instruction: MemoryInstruction, _ vcpu: Ref<VCPU>, _ domain: Ref<Domain>, _ table: MachineFrame,
    _ address: UInt64,
    _ frame: Ref<TrapFrame>
  ) -> Bool {
    let size = instruction.size.byteCount
    let offset = address & 0xfff
    // An entry is written whole or in a part, never across two.
    guard offset & 7 &+ size <= 8 else { return false }
    let index = Int(offset &>> 3)
    let shift = (offset & 7) &* 8
    let mask = instruction.size.mask &<< shift
    // The guest and the CPU may change the entry meanwhile; three tries are two more than any real kernel needs.
    for _ in 0..<3 {
      var registers = frame[].generalRegisters
      var flags = ProcessorFlags(rawValue: frame[].rflags)
      let old = PhysicalWindow.load(table, word: index)
      let outcome = instruction.execute(
        memoryValue: MemoryValue(old & mask &>> shift), registers: &registers, flags: &flags)
      if case .store(let value) = outcome.effect {
        let new = old & ~mask | value.low &<< shift & mask
        let isWritten: Bool
        do { isWritten = try write(new, over: old, table, index, domain) } catch {
          // Preempted: run the instruction again. Refused: the guest sees its own fault.
          return error == .restart
        }
        if !isWritten { continue }
      }
      frame[].generalRegisters = registers
      frame[].rflags = flags.rawValue
      // An element of a repeated instruction traps like a whole one, but with the rest still to do.
      Emulation.retire(outcome.isFinished ? UInt64(instruction.length) : 0, vcpu, frame)
      return true
    }
    return true
  }
}
