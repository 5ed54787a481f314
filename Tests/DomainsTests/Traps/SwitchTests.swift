// SPDX-License-Identifier: Apache-2.0
// One vCPU's state leaves the CPU and another's comes; one page's mapping changes; and writes to guest memory that fault on what the
// CPU remembers.
import Machine
import Testing
import XenABI

@testable import Domains

@Suite struct SwitchTests {
  @Test func eachVCPUHasItsOwnState() throws {
    try TrapMachine.run { m in
      m.frame[].rbx = 0x1b
      m.frame[].rip = 0x1000_9111
      m.frame[].leavesBySysret = true
      Registers.fsBase = 0x1000
      Registers.gsBase = 0x2000
      Registers.inactiveGSBase = 0x3000
      _ = Registers.loadDS(0x13)
      _ = Registers.loadFS(0x23)
      m.vcpu.setTaskSwitched(true)
      m.vcpu[].cr4 |= CR4.debuggingExtensions
      try m.vcpu.setDebugRegister(0, TrapMachine.page(3))
      try m.vcpu.setDebugRegister(1, 0x80)
      // A watchpoint, and a port, which the CPU never hears of.
      try m.vcpu.setDebugRegister(7, 0x21_0405)
      m.vcpu[].debug[6] = 0xffff_4ff1
      let old = m.frame[]

      #expect(m.run(m.other))
      #expect(Registers.debug(7) & 0xff == 0, "nobody else's watchpoints")
      #expect(Registers.cr0 & 8 == 0)
      #expect(m.frame[].rip == TrapMachine.code && m.frame[].rbx == 0)
      Registers.fsBase = 0
      Registers.gsBase = 0
      Registers.inactiveGSBase = 0
      _ = Registers.loadDS(0)
      Registers.setDebug(6, 0xffff_0ff0)

      #expect(m.run(m.vcpu))
      #expect(m.frame[].rbx == old.rbx && m.frame[].rip == old.rip && m.frame[].rflags == old.rflags)
      #expect(!m.frame[].leavesBySysret, "RCX and R11 are its own again")
      #expect(Registers.fsBase == 0x1000 && Registers.gsBase == 0x2000 && Registers.inactiveGSBase == 0x3000)
      #expect(Registers.ds == 0x13 && Registers.fs == 0x23)
      #expect(m.vcpu[].taskSwitched && Registers.cr0 & 8 != 0)
      #expect(Registers.debug(0) == TrapMachine.page(3) && Registers.debug(7) == 0x1_0401)
      #expect(m.vcpu[].debug[6] == 0xffff_4ff1 && m.vcpu[].debug[7] == 0x21_0405)
    }
  }

  @Test func aUserModeVCPUComesBackInUserMode() throws {
    try TrapMachine.run { m in
      Registers.gsBase = 0x2000
      Registers.inactiveGSBase = 0x3000
      m.resetToUser()
      #expect(Registers.gsBase == 0x3000)
      #expect(m.run(m.other))
      #expect(Registers.cr3 == m.other[].kernelTable?.physical)
      #expect(m.run(m.vcpu))
      #expect(!m.vcpu[].isKernelMode && Registers.cr3 == m.vcpu[].userTable?.physical)
      #expect(Registers.gsBase == 0x3000 && Registers.inactiveGSBase == 0x2000)
    }
  }

  // ---- update_va_mapping ----

  @Test func oneMapping() throws {
    try TrapMachine.run { m in
      let page = TrapMachine.page(6)
      let before = m.entry(page)
      /// Address, entry, flags: the result, and the entry that is then there (nil: as before).
      let good = m.spare.physical | 7
      let table: [(UInt64, UInt64, UInt64, Int64, UInt64?)] = [
        (page, good, 0, 0, good), (page, good & ~2, 1, 0, good & ~2), (page, good & ~4, 2, 0, good), (page, 0, 2, 0, 0),
        (page, m.level1.physical | 7, 2, -16, nil), (page, m.level1.physical | 5, 2, 0, m.level1.physical | 5),
        (page, 3 << 12 | 7, 2, -22, nil), (page, 1 << 50 | 7, 2, -22, nil), (page, good | 0x18, 2, -22, nil),
        (0xffff_8300_0000_0000, good, 2, -22, nil), (1 << 60, good, 2, -22, nil), (0x7000_0000_0000, good, 2, -22, nil),
        (page, good, 3, -38, good),
      ]
      for (index, (address, entry, flags, result, after)) in table.enumerated() {
        m.reset()
        let kept = m.entry(page)
        let flushes = Simulation.flushes
        #expect(m.call(HypercallNumber.updateVAMapping, address, entry, flags) == result, "case \(index)")
        #expect(m.entry(page) == after ?? kept, "case \(index)")
        if flags == 1 && result == 0 { #expect(Simulation.flushes > flushes) }
      }
      m.reset()
      #expect(m.call(HypercallNumber.updateVAMapping, page, before, 2) == 0)
    }
  }

  // ---- Stale translations ----

  nonisolated(unsafe) static var machine: TrapMachine?
  nonisolated(unsafe) static var faults = 0
  /// Whether the CPU remembers again after each fault: another vCPU changes the entry to and fro.
  nonisolated(unsafe) static var remembersAlways: UInt64?

  /// Guest copies that fault come to the real handler, with a frame as the CPU would push it.
  private func handleFaults() {
    Simulation.handlePageFaults(from: 0x8000, to: 0x8080) { address, code in
      guard let m = SwitchTests.machine else { return false }
      SwitchTests.faults += 1
      let kept = m.frame[]
      defer { m.frame[] = kept }
      m.frame[].rip = 0x8000
      m.frame[].cs = 0xe008
      m.frame[].error_code = code
      Registers.cr2 = address
      TrapDispatch.pageFault(m.frame)
      if let again = SwitchTests.remembersAlways { Simulation.rememberReadOnly(again) }
      return m.frame[].rip == 0x8000
    }
  }

  private func run(_ body: (TrapMachine) throws -> Void) throws {
    try TrapMachine.run { m in
      SwitchTests.machine = m
      SwitchTests.faults = 0
      SwitchTests.remembersAlways = nil
      defer { SwitchTests.machine = nil }
      handleFaults()
      try body(m)
    }
  }

  @Test func aStaleReadOnlyTranslationIsTriedAgain() throws {
    try run { m in
      // A hypercall's result, and the frame of a trap.
      Simulation.rememberReadOnly(TrapMachine.page(2))
      #expect(m.call(HypercallNumber.xenVersion, 5, TrapMachine.page(2)) == 0)
      #expect(m.words(TrapMachine.page(2), 1) == [0xffff_8000_0000_0000])
      #expect(SwitchTests.faults == 1)
      m.reset()
      Simulation.rememberReadOnly(TrapMachine.stack - 8)
      m.trap(6)
      #expect(!m.hasCrashed && m.frame[].rip == TrapMachine.handler(6))
      #expect(SwitchTests.faults == 2)
    }
  }

  @Test func aPageThatCannotBeWrittenIsNot() throws {
    try run { m in
      let page = TrapMachine.page(2)
      m.setEntry(page, m.entry(page) & ~2)
      #expect(m.call(HypercallNumber.xenVersion, 5, page) == -14)
      #expect(SwitchTests.faults == 1)
      m.reset()
      m.setEntry(page, 0)
      #expect(m.call(HypercallNumber.xenVersion, 5, page) == -14)
      #expect(SwitchTests.faults == 2)
      m.reset()
      #expect(m.call(HypercallNumber.xenVersion, 6, 0x4000) == -14, "a read")
      #expect(SwitchTests.faults == 3)
    }
  }

  @Test func triesHaveAnEnd() throws {
    try run { m in
      let page = TrapMachine.page(2)
      SwitchTests.remembersAlways = page
      Simulation.rememberReadOnly(page)
      #expect(m.call(HypercallNumber.xenVersion, 5, page) == -14)
      #expect(SwitchTests.faults == Int(StaleTranslation.limit) + 1)
      // The next way to a guest starts anew.
      SwitchTests.remembersAlways = nil
      m.reset()
      Simulation.rememberReadOnly(page)
      #expect(m.call(HypercallNumber.xenVersion, 5, page) == 0)
    }
  }
}
