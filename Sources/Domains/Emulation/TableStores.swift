// SPDX-License-Identifier: Apache-2.0
// SGDT, SIDT, SLDT, STR and SMSW, which fault outside ring 0 where the CPU has UMIP. The hypervisor's guest is not told of that
// (the feature is hidden), so the instructions have to do something for kernels and applications alike: they store a table of
// nothing at address zero, no selector, and the guest's own CR0. On CPUs without UMIP they do not come here, and tell of the
// hypervisor's own tables: a fixed address, and the CPU's number in it.
import Instructions
import Machine
import XenABI

enum TableStores {
  /// What an instruction stores: its low bytes count, as many as the operand has.
  struct Value {
    /// The first or only part: a limit, a selector, CR0.
    let word: UInt64
    /// Whether the address of a table follows.
    let hasBase: Bool
  }

  /// What an instruction stores for a guest; nil for one that stores nothing.
  static func value(_ operation: PrivilegedOperation, cr0: UInt64) -> (value: Value, operand: SystemOperand)? {
    switch operation {
    case .storeMachineStatus(let operand): (Value(word: cr0, hasBase: false), operand)
    case .descriptorTable(.storeLDT, let operand), .descriptorTable(.storeTask, let operand):
      (Value(word: 0, hasBase: false), operand)
    case .descriptorTable(.storeGDT, let operand), .descriptorTable(.storeIDT, let operand):
      (Value(word: 0, hasBase: true), operand)
    default: nil
    }
  }

  /// Carries one out; nil for an instruction that stores nothing.
  static func perform(
    _ instruction: PrivilegedInstruction, _ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>
  ) -> Emulation.Outcome? {
    guard let (value, operand) = value(instruction.operation, cr0: vcpu[].cr0) else { return nil }
    switch operand {
    case .register(let register, let size):
      var registers = frame[].generalRegisters
      registers.write(value.word, to: register, size)
      frame[].generalRegisters = registers
    case .memory(let expression):
      let bases = SegmentBases(fs: Registers.fsBase, gs: Registers.gsBase)
      let address = LinearAddress(
        expression.effectiveAddress(
          registers: frame[].generalRegisters, nextInstruction: frame[].rip &+ UInt64(instruction.length),
          segments: bases))
      do {
        try GuestMemory.write(address, UInt16(truncatingIfNeeded: value.word))
        if value.hasBase {
          if Emulation.mode(vcpu, frame) == .long {
            try GuestMemory.write(address + 2, UInt64(0))
          } else {
            try GuestMemory.write(address + 2, UInt32(0))
          }
        }
      } catch {
        vcpu.injectPageFault(address: address.raw, errorCode: 2, frame)
        return .faulted
      }
    }
    Emulation.retire(UInt64(instruction.length), vcpu, frame)
    return .done
  }
}
