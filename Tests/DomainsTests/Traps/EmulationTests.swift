// SPDX-License-Identifier: Apache-2.0
// Instructions that are done for the guest: what it finds afterwards, single step and breakpoints included; debug registers; live page
// tables that it writes.
import Frames
import Machine
import Testing
import XenABI

@testable import Domains

@Suite struct EmulationTests {
  // ---- Debug registers ----

  /// A call `set_debugreg(number, value)` with CR4.DE or without, its result, and what the register then is.
  struct Debug {
    var name: String
    var number: UInt64
    var value: UInt64
    var hasDE = false
    var result: Int64 = 0
    var seen: UInt64?
    /// What the CPU's own DR7 is.
    var hardware: UInt64?
  }

  static let debugCases: [Debug] = [
    Debug(name: "an address", number: 0, value: 0x1000, seen: 0x1000),
    Debug(name: "the hypervisor's memory", number: 1, value: 0xffff_8300_0000_0000, result: -1, seen: 0),
    Debug(name: "just below it", number: 1, value: 0xffff_7fff_ffff_fffc, result: -1, seen: 0),
    Debug(name: "not canonical", number: 1, value: 1 << 63, result: -1, seen: 0),
    Debug(name: "DR6", number: 6, value: 0xffff, seen: 0xffff_efff),
    Debug(name: "DR6, upper half", number: 6, value: 1 << 40, result: -22),
    Debug(name: "DR7, upper half", number: 7, value: 1 << 32 | 0x400, result: -22),
    Debug(name: "DR7, general detect", number: 7, value: 0x2400, result: -1, seen: 0x400),
    Debug(name: "DR7, exact and reserved bits", number: 7, value: 0xd300, seen: 0x700, hardware: 0x400),
    Debug(name: "DR7, a watchpoint", number: 7, value: 0x9_0401, seen: 0x9_0401, hardware: 0x9_0401),
    Debug(name: "DR7, globally", number: 7, value: 0x402, seen: 0x402, hardware: 0x402),
    Debug(name: "port without DE", number: 7, value: 0x2_0401, result: -1, seen: 0x400, hardware: 0x400),
    Debug(name: "inactive port without DE", number: 7, value: 0x2_0400, seen: 0x2_0400, hardware: 0x400),
    Debug(name: "port", number: 7, value: 0x2_0401, hasDE: true, seen: 0x2_0401, hardware: 0x400),
    Debug(name: "port and watchpoint", number: 7, value: 0x12_0405, hasDE: true, seen: 0x12_0405, hardware: 0x10_0404),
    Debug(name: "4 is 6", number: 4, value: 1, seen: 0xffff_0ff1),
    Debug(name: "5 is 7", number: 5, value: 0x401, seen: 0x401, hardware: 0x401),
    Debug(name: "4 with DE", number: 4, value: 1, hasDE: true, result: -19),
    Debug(name: "5 with DE", number: 5, value: 0x401, hasDE: true, result: -19),
    Debug(name: "8", number: 8, value: 0, result: -19),
  ]

  @Test func debugRegisters() throws {
    try TrapMachine.run { m in
      for each in Self.debugCases {
        m.reset()
        m.vcpu[].cr4 = Ref<VCPU>.initialCR4
        for number in [7, 0, 1, 6] as [UInt64] {
          #expect(m.call(HypercallNumber.setDebugRegister, number, number == 7 ? 0x400 : 0) == 0)
        }
        if each.hasDE { m.vcpu[].cr4 |= CR4.debuggingExtensions }
        m.reset()
        #expect(m.call(HypercallNumber.setDebugRegister, each.number, each.value) == each.result, "\(each.name)")
        m.reset()
        if let seen = each.seen {
          #expect(m.call(HypercallNumber.getDebugRegister, each.number) == Int64(seen), "\(each.name)")
        }
        if let hardware = each.hardware { #expect(Registers.debug(7) == hardware, "\(each.name)") }
      }
    }
  }

  @Test func aRefusedControlChangesNothingAndAnInactiveOneReplaces() throws {
    try TrapMachine.run { m in
      #expect(m.call(HypercallNumber.setDebugRegister, 7, 0x9_0401) == 0)
      m.reset()
      #expect(m.call(HypercallNumber.setDebugRegister, 7, 0x2_0401) == -1)
      #expect(m.vcpu[].debug[7] == 0x9_0401 && Registers.debug(7) == 0x9_0401)
      // The same by instruction: #GP, and nothing has changed.
      m.setCode([0x0f, 0x23, 0xf8])
      m.reset()
      m.frame[].rax = 0x2_0401
      m.trap(13)
      #expect(m.frame[].rip == TrapMachine.handler(13))
      #expect(m.vcpu[].debug[7] == 0x9_0401 && Registers.debug(7) == 0x9_0401)
      m.vcpu[].cr4 |= CR4.debuggingExtensions
      m.reset()
      #expect(m.call(HypercallNumber.setDebugRegister, 7, 0x2_0400) == 0)
      #expect(m.vcpu[].debug[7] == 0x2_0400 && Registers.debug(7) == 0x400)
    }
  }

  @Test func debugInstructions() throws {
    try TrapMachine.run { m in
      // mov rax, dr4: DR6 without DE, #UD with it.
      m.setCode([0x0f, 0x21, 0xe0])
      m.vcpu[].debug[6] = 0xffff_0ff2
      m.trap(13)
      #expect(m.frame[].rax == 0xffff_0ff2 && m.frame[].rip == TrapMachine.code + 3)
      m.vcpu[].cr4 |= CR4.debuggingExtensions
      m.reset()
      m.trap(13)
      #expect(m.frame[].rip == TrapMachine.handler(6))
      #expect(m.words(m.frame[].rsp, 3)[2] == TrapMachine.code)
      m.resetToUser()
      m.trap(13)
      #expect(m.frame[].rip == TrapMachine.handler(13), "not an application's")
    }
  }

  @Test func debugExceptionsAddUp() throws {
    try TrapMachine.run { m in
      m.vcpu[].debug[6] = 0xffff_0ff0
      Registers.setDebug(6, 0xffff_0ff1)
      m.trap(1)
      #expect(m.frame[].rip == TrapMachine.handler(1) && m.vcpu[].debug[6] == 0xffff_0ff1)
      #expect(Registers.debug(6) == 0xffff_0ff0)
      m.reset()
      Registers.setDebug(6, 0xffff_4ff0)
      m.trap(1)
      #expect(m.vcpu[].debug[6] == 0xffff_4ff1)
    }
  }

  // ---- Ports ----

  @Test func breakpointsOnPorts() throws {
    try TrapMachine.run { m in
      m.vcpu[].ioPrivilege = 1
      m.vcpu[].cr4 |= CR4.debuggingExtensions
      // out 0x80, al; in al, 0x80; in ax, 0x7f; in al, 0x81; in eax, 0x7d; with one port watched, then with four.
      let table: [([UInt8], UInt64, UInt64, Bool)] = [
        ([0xe6, 0x80], 0x80, 0x2_0401, true), ([0xe4, 0x80], 0x80, 0x2_0401, true),
        ([0x66, 0xe5, 0x7f], 0x80, 0x2_0401, true), ([0xe4, 0x81], 0x80, 0x2_0401, false),
        ([0xe5, 0x7d], 0x80, 0x2_0401, true), ([0xe5, 0x7c], 0x80, 0x2_0401, false),
        ([0xe4, 0x81], 0x82, 0xe_0401, true), ([0xe4, 0x84], 0x82, 0xe_0401, false),
        ([0xe6, 0x80], 0x80, 0x2_0400, false), ([0xe6, 0x80], 0x80, 0x1_0401, false),
      ]
      for (code, port, control, isMet) in table {
        m.reset()
        #expect(m.call(HypercallNumber.setDebugRegister, 7, 0x400) == 0)
        m.reset()
        #expect(m.call(HypercallNumber.setDebugRegister, 0, port) == 0)
        m.reset()
        #expect(m.call(HypercallNumber.setDebugRegister, 7, control) == 0)
        m.reset()
        m.vcpu[].debug[6] = 0xffff_0ff0
        m.setCode(code)
        m.trap(13)
        let after = TrapMachine.code + UInt64(code.count)
        let name: Comment = "\(code) with \(port)"
        if isMet {
          // It has been done, and traps behind itself.
          #expect(m.frame[].rip == TrapMachine.handler(1), name)
          #expect(m.words(m.frame[].rsp, 3)[2] == after, name)
          #expect(m.vcpu[].debug[6] == 0xffff_0ff1, name)
        } else {
          #expect(m.frame[].rip == after, name)
        }
      }
      // Without DE it sleeps.
      m.reset()
      #expect(m.call(HypercallNumber.setDebugRegister, 7, 0x2_0401) == 0)
      m.vcpu[].cr4 = Ref<VCPU>.initialCR4
      m.setCode([0xe6, 0x80])
      m.reset()
      m.trap(13)
      #expect(m.frame[].rip == TrapMachine.code + 2)
    }
  }

  @Test func portsFollowTheGuestsOwnRules() throws {
    try TrapMachine.run { m in
      m.setCode([0xe4, 0x80])
      for (level, isUser, isAllowed) in [(0, false, false), (1, false, true), (1, true, false), (3, true, true)]
        as [(
          UInt8, Bool, Bool
        )]
      {
        m.vcpu[].ioPrivilege = level
        if isUser { m.resetToUser() } else { m.reset() }
        m.trap(13)
        #expect(m.frame[].rip == (isAllowed ? TrapMachine.code + 2 : TrapMachine.handler(13)))
      }
    }
  }

  // ---- Single step ----

  @Test func singleStepOverWhatIsDoneForTheGuest() throws {
    try TrapMachine.run { m in
      m.vcpu[].ioPrivilege = 3
      // in al, 0x80; rdmsr of FS base; mov rax, cr0; the forced cpuid.
      let table: [([UInt8], UInt8)] = [
        ([0xe4, 0x80], 13), ([0x0f, 0x32], 13), ([0x0f, 0x20, 0xc0], 13),
        ([0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2], 6),
      ]
      for (code, vector) in table {
        m.setCode(code)
        for flags in [0x202, 0x302, 0x1_0302, 0x1_0202] as [UInt64] {
          m.reset()
          m.frame[].rcx = 0xc000_0100
          m.frame[].rflags = flags
          m.vcpu[].debug[6] = 0xffff_0ff0
          m.trap(vector)
          let after = TrapMachine.code + UInt64(code.count)
          if flags & FlagsRegister.trap != 0 {
            #expect(m.frame[].rip == TrapMachine.handler(1), "\(code)")
            let seen = m.words(m.frame[].rsp, 5)
            #expect(seen[2] == after && seen[4] == 0x302, "\(code)")
            #expect(m.vcpu[].debug[6] == 0xffff_4ff0, "\(code)")
          } else {
            #expect(m.frame[].rip == after && m.frame[].rflags == 0x202, "\(code)")
          }
        }
      }
    }
  }

  @Test func eachElementOfAStringTraps() throws {
    try TrapMachine.run { m in
      m.vcpu[].ioPrivilege = 3
      m.setCode([0xf3, 0x6c])
      m.frame[].rflags = 0x302
      (m.frame[].rcx, m.frame[].rdx, m.frame[].rdi) = (2, 0x80, TrapMachine.page(3))
      m.trap(13)
      #expect(m.frame[].rip == TrapMachine.handler(1))
      #expect(m.words(m.frame[].rsp, 3) == [1, 0x11, TrapMachine.code], "one is left, at the same instruction")
      #expect(m.frame[].rdi == TrapMachine.page(3) + 1)
      m.reset()
      m.frame[].rflags = 0x302
      (m.frame[].rcx, m.frame[].rdx, m.frame[].rdi) = (1, 0x80, TrapMachine.page(3))
      m.trap(13)
      #expect(m.words(m.frame[].rsp, 3) == [0, 0x11, TrapMachine.code + 2])
    }
  }

  // ---- Live page tables ----

  /// A kernel's write to an entry of its own table, mapped read-only at page 5: with TF or without.
  @Test func livePageTables() throws {
    try TrapMachine.run { m in
      // The table, seen read-only at a page of its own.
      let window = TrapMachine.page(5)
      m.reset()
      #expect(m.call(HypercallNumber.updateVAMapping, window, m.level1.physical | 1, 2) == 0)
      let place = window + UInt64(LinearAddress(TrapMachine.page(6)).index(level: 1)) * 8
      let (first, second) = (m.spare.physical | 7, m.otherSpare.physical | 7)
      // mov [rdi], rax; xchg [rdi], rax; lock cmpxchg [rdi], rcx
      for (code, old) in [([0x48, 0x89, 0x07], false), ([0x48, 0x87, 0x07], true)] as [([UInt8], Bool)] {
        for flags in [0x202, 0x302] as [UInt64] {
          m.reset()
          #expect(m.call(HypercallNumber.updateVAMapping, TrapMachine.page(6), first, 2) == 0)
          m.reset()
          m.setCode(code)
          (m.frame[].rax, m.frame[].rdi, m.frame[].rflags) = (second, place, flags)
          m.pageFault(place, code: 7)
          #expect(m.entry(TrapMachine.page(6)) == second)
          #expect(m.frame[].rax == (old ? first : second))
          if flags == 0x302 {
            #expect(m.frame[].rip == TrapMachine.handler(1))
            #expect(m.words(m.frame[].rsp, 3)[2] == TrapMachine.code + 3)
          } else {
            #expect(m.frame[].rip == TrapMachine.code + 3)
          }
        }
      }
      // A frame of somebody else's: the guest sees its own fault, and nothing has changed.
      m.reset()
      (m.frame[].rax, m.frame[].rdi) = (MachineFrame(3).physical | 7, place)
      m.pageFault(place, code: 7)
      #expect(m.frame[].rip == TrapMachine.handler(14))
      #expect(m.words(m.frame[].rsp, 3)[2] == 3)
      #expect(m.vcpu[].info.cr2 == place)
      #expect(m.entry(TrapMachine.page(6)) == second)
    }
  }
}
