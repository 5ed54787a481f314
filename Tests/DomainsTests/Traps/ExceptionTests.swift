// SPDX-License-Identifier: Apache-2.0
// Exceptions and callbacks: from the frame that the CPU pushes to the one that the guest's kernel finds, and its registers.
import Hypercalls
import Machine
import Testing
import XenABI

@testable import Domains

@Suite struct ExceptionTests {
  /// What is interrupted, and what the kernel's stack then holds: rcx, r11, error code if any, rip, cs with the mask, flags, rsp, ss.
  struct Case {
    var name: String
    var vector: UInt8
    var code: UInt32 = 0
    var isUser = false
    var isMasked = false
    var masks = false
    var flags: UInt64 = 0x202
    var cs: UInt64
    var flagsSeen: UInt64
  }

  static let cases: [Case] = [
    Case(name: "#DE of the kernel", vector: 0, cs: 0xe030, flagsSeen: 0x202),
    Case(name: "#DE of an application", vector: 0, isUser: true, cs: 0xe033, flagsSeen: 0x202),
    Case(name: "events masked", vector: 0, isMasked: true, cs: 0x1_0000_e030, flagsSeen: 0x2),
    Case(name: "a handler that masks events", vector: 0, masks: true, cs: 0xe030, flagsSeen: 0x202),
    Case(name: "#NP with its selector", vector: 11, code: 0x18, cs: 0xe030, flagsSeen: 0x202),
    Case(name: "#SS", vector: 12, code: 0, isUser: true, cs: 0xe033, flagsSeen: 0x202),
    Case(name: "#AC", vector: 17, code: 0, isUser: true, flags: 0x4_0202, cs: 0xe033, flagsSeen: 0x4_0202),
    Case(name: "RF as the CPU pushes it", vector: 6, flags: 0x1_0202, cs: 0xe030, flagsSeen: 0x1_0202),
    Case(name: "TF", vector: 0, isUser: true, flags: 0x302, cs: 0xe033, flagsSeen: 0x302),
    Case(name: "IOPL is not the guest's", vector: 0, flags: 0x3202, cs: 0xe030, flagsSeen: 0x202),
  ]

  @Test func frames() throws {
    try TrapMachine.run { m in
      for each in Self.cases {
        m.setHandler(each.vector, TrapMachine.handler(each.vector), masks: each.masks)
        if each.isUser { m.resetToUser() } else { m.reset() }
        m.vcpu[].info.isMasked = each.isMasked
        m.frame[].rflags = each.flags
        let (rsp, base) = (m.frame[].rsp, m.vcpu[].kernelStackPointer)
        m.trap(each.vector, code: each.code)
        let coded = ExceptionVector.hasErrorCode(each.vector)
        let stack = ((each.isUser ? base : rsp) & ~15) - (coded ? 64 : 56)
        let wanted =
          [0xc, 0x11] + (coded ? [UInt64(each.code)] : [])
          + [TrapMachine.code, each.cs, each.flagsSeen, rsp, UInt64(GuestSelectors.data)]
        let found = m.words(stack, wanted.count)
        #expect(found == wanted, "\(each.name)")
        #expect(m.frame[].rip == TrapMachine.handler(each.vector), "\(each.name)")
        #expect(m.frame[].rsp == stack, "\(each.name)")
        #expect(m.frame[].cs == 0xe033 && m.frame[].ss == 0xe02b, "\(each.name)")
        // TF, IOPL, NT, RF, VM, AC are clear for the handler, interrupts always on.
        #expect(m.frame[].rflags & 0x7_7300 == 0x200, "\(each.name)")
        #expect(m.vcpu[].isKernelMode == true, "\(each.name)")
        #expect(m.vcpu[].info.isMasked == (each.isMasked || each.masks), "\(each.name)")
      }
    }
  }

  @Test func aPageFaultHasItsAddressAndTellsTheTwoModes() throws {
    try TrapMachine.run { m in
      for (isUser, code, seen) in [(false, 6, 2), (true, 6, 6), (false, 4, 0), (true, 0x14, 0x14), (true, 0x24, 4)]
        as [(Bool, UInt32, UInt64)]
      {
        if isUser { m.resetToUser() } else { m.reset() }
        m.pageFault(0x1234_5678, code: code)
        #expect(m.vcpu[].info.cr2 == 0x1234_5678)
        #expect(m.words(m.frame[].rsp, 3)[2] == seen)
        #expect(m.frame[].rip == TrapMachine.handler(14))
      }
    }
  }

  @Test func withoutAHandlerOrAStackTheGuestIsAtItsEnd() throws {
    try TrapMachine.run { m in
      m.setHandler(6, 0)
      m.trap(6)
      #expect(m.hasCrashed)
    }
    try TrapMachine.run { m in
      m.frame[].rsp = 0x4000
      m.trap(6)
      #expect(m.hasCrashed)
    }
    try TrapMachine.run { m in
      m.frame[].rsp = 0xffff_8300_0000_1000
      m.trap(6)
      #expect(m.hasCrashed)
    }
  }

  @Test func softwareInterrupts() throws {
    try TrapMachine.run { m in
      // Vector, its gate's level, by whom: whether it is delivered.
      let table: [(UInt8, UInt64, Bool, Bool)] = [
        (0x90, 3, true, true), (0x90, 3, false, true), (0x90, 1, false, true), (0x90, 1, true, false),
        (0x90, 0, false, false), (0x90, 0, true, false), (0x80, 3, true, true), (0x80, 0, true, false),
        (0x91, 3, true, false),
      ]
      for (vector, level, isUser, isDelivered) in table {
        if vector != 0x91 { m.setHandler(vector, TrapMachine.handler(vector), level: level) }
        m.setCode([0xcd, vector])
        if isUser { m.resetToUser() } else { m.reset() }
        m.frame[].rflags |= FlagsRegister.resume
        let name: Comment = "int \(vector) level \(level) user \(isUser)"
        if vector == 0x80 {
          // That gate is open to ring 3: the CPU has stepped over the instruction.
          m.frame[].rip += 2
          m.frame[].rflags &= ~FlagsRegister.resume
          m.trap(0x80)
        } else {
          m.trap(13, code: UInt32(vector) << 3 | 2)
        }
        if isDelivered {
          #expect(m.frame[].rip == TrapMachine.handler(vector), name)
          // RIP behind it, and RF clear: the instruction is over.
          let seen = m.words(m.frame[].rsp, 5)
          #expect(seen[2] == TrapMachine.code + 2, name)
          #expect(seen[4] & FlagsRegister.resume == 0, name)
        } else {
          #expect(m.frame[].rip == TrapMachine.handler(13), name)
          #expect(Array(m.words(m.frame[].rsp, 4)[2...3]) == [UInt64(vector) << 3 | 2, TrapMachine.code], name)
        }
      }
    }
  }

  @Test func theFPUTrapClearsTS() throws {
    try TrapMachine.run { m in
      #expect(m.call(HypercallNumber.fpuTaskSwitch, 1) == 0)
      #expect(m.vcpu[].taskSwitched && m.vcpu[].cr0 & 8 != 0 && Registers.cr0 & 8 != 0)
      m.trap(7)
      #expect(m.frame[].rip == TrapMachine.handler(7))
      #expect(!m.vcpu[].taskSwitched && m.vcpu[].cr0 & 8 == 0 && Registers.cr0 & 8 == 0)
    }
  }

  // ---- Callbacks ----

  @Test func systemCallsOfApplications() throws {
    try TrapMachine.run { m in
      m.vcpu[].callbacks.syscall = 0x6000
      m.vcpu[].callbacks.syscall32 = 0x6100
      m.vcpu[].callbacks.sysenter = 0x6200
      for masks in [false, true] {
        m.vcpu[].callbacks.syscallMasksEvents = masks
        m.resetToUser()
        m.enterBySyscall(77)
        let seen = m.words(m.frame[].rsp, 7)
        #expect(seen == [TrapMachine.code + 2, 0x202, TrapMachine.code + 2, 0xe033, 0x202, TrapMachine.stack, 0xe02b])
        #expect(m.frame[].rip == 0x6000 && m.frame[].rax == 77 && m.frame[].leavesBySysret)
        #expect(m.vcpu[].info.isMasked == masks)
      }
      m.resetToUser(cs: 0xe023)
      m.frame[].rip += 2
      SystemCall.handleCompat(m.frame)
      #expect(m.frame[].rip == 0x6100)
      #expect(m.words(m.frame[].rsp, 4)[3] == 0xe023)
      // SYSENTER faults; the decoder sees what it was.
      m.setCode([0x0f, 0x34])
      m.resetToUser()
      m.trap(13)
      #expect(m.frame[].rip == 0x6200)
      m.vcpu[].callbacks = GuestCallbacks()
      m.resetToUser()
      m.enterBySyscall(1)
      #expect(m.frame[].rip == TrapMachine.handler(6))
      #expect(m.words(m.frame[].rsp, 3)[2] == TrapMachine.code)
      m.resetToUser()
      m.trap(13)
      #expect(m.frame[].rip == TrapMachine.handler(13))
    }
  }

  @Test func eventsAndNonMaskableInterrupts() throws {
    try TrapMachine.run { m in
      m.vcpu[].callbacks.event = 0x6300
      _ = m.vcpu[].info.setPending()
      m.vcpu[].info.isMasked = true
      GuestExit.prepare(m.frame)
      #expect(m.frame[].rip == TrapMachine.code, "masked")
      m.vcpu[].info.isMasked = false
      GuestExit.prepare(m.frame)
      #expect(m.frame[].rip == 0x6300 && m.vcpu[].info.isMasked)
      #expect(m.words(m.frame[].rsp, 7) == [0xc, 0x11, TrapMachine.code, 0xe030, 0x202, TrapMachine.stack, 0xe02b])

      // The event entry is what the NMI interrupts, and another NMI waits for the first one's iret.
      m.reset()
      m.vcpu[].callbacks.nmi = 0x6400
      m.vcpu[].pending.fetchOr(VCPUPending.nmi)
      m.vcpu[].info.isMasked = true
      GuestExit.prepare(m.frame)
      #expect(m.frame[].rip == 0x6400 && m.vcpu[].info.isMasked)
      #expect(m.words(m.frame[].rsp, 4)[3] == 0x1_0000_e030)
      m.vcpu[].pending.fetchOr(VCPUPending.nmi)
      GuestExit.prepare(m.frame)
      #expect(m.frame[].rip == 0x6400 && m.vcpu[].pending.load() & VCPUPending.nmi != 0)
      m.interruptReturn([0xa, 0x11, 0xc, 0, TrapMachine.code, 0xe030, 0x2, TrapMachine.stack, 0xe02b])
      #expect(m.frame[].rip == 0x6400, "the second one, after the return")
      #expect(m.words(m.frame[].rsp, 3)[2] == TrapMachine.code)
    }
  }

  @Test func theFailsafeCallbackHasTheSelectors() throws {
    try TrapMachine.run { m in
      m.vcpu[].callbacks.failsafe = 0x6500
      m.vcpu[].callbacks.failsafeMasksEvents = true
      (m.vcpu[].ds, m.vcpu[].es, m.vcpu[].fs, m.vcpu[].gs) = (0x10, 0x18, 0x20, 0x28)
      m.cpu[].needsFailsafe = true
      GuestExit.prepare(m.frame)
      #expect(m.frame[].rip == 0x6500 && m.vcpu[].info.isMasked)
      #expect(
        m.words(m.frame[].rsp, 11) == [
          0xc, 0x11, 0x10, 0x18, 0x20, 0x28, TrapMachine.code, 0xe030, 0x202, TrapMachine.stack, 0xe02b,
        ])
      #expect(m.cpu[].needsFailsafe == false)
    }
    try TrapMachine.run { m in
      m.cpu[].needsFailsafe = true
      GuestExit.prepare(m.frame)
      #expect(m.hasCrashed, "no failsafe callback")
    }
  }

  @Test func callbackOperations() throws {
    try TrapMachine.run { m in
      func register(_ kind: UInt64, _ flags: UInt64, _ address: UInt64) -> Int64 {
        m.put(TrapMachine.page(1), [kind | flags << 16, address])
        m.reset()
        return m.call(HypercallNumber.callbackOp, 0, TrapMachine.page(1))
      }
      for kind in [0, 1, 2, 3, 4, 5, 7] as [UInt64] { #expect(register(kind, 1, 0x5000 + kind * 16) == 0) }
      let callbacks = m.vcpu[].callbacks
      #expect(callbacks.event == 0x5000 && callbacks.failsafe == 0x5010 && callbacks.syscall == 0x5020)
      #expect(callbacks.nmi == 0x5040 && callbacks.sysenter == 0x5050 && callbacks.syscall32 == 0x5070)
      #expect(callbacks.syscallMasksEvents && callbacks.failsafeMasksEvents && callbacks.sysenterMasksEvents)
      #expect(register(8, 0, 0x5000) == -38)
      #expect(register(2, 0, 0x8000_0000_0000_0000) == -22)
      #expect(m.vcpu[].callbacks.syscall == 0x5020)
    }
  }
}
