// SPDX-License-Identifier: Apache-2.0
// The way back: the iret hypercall, alone and in a list, and what becomes of a frame that the CPU refuses.
import Machine
import Testing
import XenABI

@testable import Domains

@Suite struct InterruptReturnTests {
  /// A context (flags, cs, rflags) and the frame that is resumed.
  struct Case {
    var name: String
    var inSystemCall = false
    var cs: UInt64 = 0xe033
    var flags: UInt64 = 0x202
    var rip: UInt64 = 0x1000_9100
    var resumed: UInt64
    var bySysret = false
    var isKernel = false
    var isMasked = false
  }

  static let cases: [Case] = [
    Case(name: "to an application", resumed: 0x202),
    Case(name: "to the kernel", cs: 0xe030, resumed: 0x202, isKernel: true),
    Case(name: "to the kernel at level 1", cs: 0xe031, resumed: 0x202, isKernel: true),
    Case(name: "events masked", flags: 0x2, resumed: 0x202, isMasked: true),
    Case(name: "rights are not given", flags: 0x3202 | 1 << 17 | 3 << 19, resumed: 0x202),
    Case(name: "AC, ID, NT, DF, arithmetic", flags: 0x24_4ed7, resumed: 0x24_4ed7),
    Case(name: "TF", flags: 0x302, resumed: 0x302),
    Case(name: "RF: past the breakpoint", flags: 0x1_0202, resumed: 0x1_0202),
    Case(name: "system call", inSystemCall: true, resumed: 0x202, bySysret: true),
    Case(name: "system call with TF", inSystemCall: true, flags: 0x302, resumed: 0x302),
    Case(name: "system call with RF", inSystemCall: true, flags: 0x1_0202, resumed: 0x1_0202),
    Case(name: "system call to an address that is not canonical", inSystemCall: true, rip: 1 << 47, resumed: 0x202),
  ]

  @Test func contexts() throws {
    try TrapMachine.run { m in
      for each in Self.cases {
        m.reset()
        m.interruptReturn([1, 2, 3, each.inSystemCall ? 0x100 : 0, each.rip, each.cs, each.flags, 0x7777_0000, 0xe02b])
        let f = m.frame[]
        #expect(f.rax == 1 && f.rip == each.rip && f.rsp == 0x7777_0000 && f.ss == 0xe02b, "\(each.name)")
        #expect(f.cs == (each.isKernel ? each.cs | 3 : 0xe033), "\(each.name)")
        #expect(f.rflags == each.resumed, "\(each.name)")
        #expect(f.leavesBySysret == each.bySysret, "\(each.name)")
        if each.bySysret {
          #expect(f.rcx == each.rip && f.r11 == each.resumed, "\(each.name)")
        } else {
          #expect(f.rcx == 3 && f.r11 == 2, "\(each.name)")
        }
        #expect(m.vcpu[].isKernelMode == each.isKernel, "\(each.name)")
        #expect(m.vcpu[].info.isMasked == each.isMasked, "\(each.name)")
        let table = each.isKernel ? m.vcpu[].kernelTable : m.vcpu[].userTable
        #expect(Registers.cr3 == table?.physical, "\(each.name)")
      }
    }
  }

  @Test func anUnreadableStackOrNoUserTableIsTheEnd() throws {
    try TrapMachine.run { m in
      m.frame[].rsp = 0x4000
      m.enterBySyscall(HypercallNumber.interruptReturn)
      #expect(m.hasCrashed)
    }
    try TrapMachine.run { m in
      m.vcpu[].userTable = nil
      m.interruptReturn([0, 0, 0, 0, TrapMachine.code, 0xe033, 0x202, TrapMachine.stack, 0xe02b])
      #expect(m.hasCrashed)
    }
  }

  // ---- In a list ----

  private func list(_ m: TrapMachine, _ entries: [[UInt64]]) {
    for (index, entry) in entries.enumerated() {
      let words = [entry[0], 0x7777] + entry.dropFirst()
      m.put(TrapMachine.page(1) + UInt64(index) * 64, words + Array(repeating: 0, count: 8 - words.count))
    }
  }
  private func result(_ m: TrapMachine, _ index: UInt64) -> UInt64 {
    m.words(TrapMachine.page(1) + index * 64 + 8, 1)[0]
  }

  @Test func aListEndsWithItsReturn() throws {
    try TrapMachine.run { m in
      list(m, [[HypercallNumber.xenVersion, 0], [HypercallNumber.interruptReturn], [HypercallNumber.xenVersion, 0]])
      let context: [UInt64] = [0x1111, 0x2222, 0x3333, 0, 0x1000_9040, 0xe033, 0x203, 0x7777_0000, 0xe02b]
      m.put(TrapMachine.page(2), context)
      m.reset()
      m.frame[].rsp = TrapMachine.page(2)
      m.enterBySyscall(HypercallNumber.multicall, [TrapMachine.page(1), 3])
      let f = m.frame[]
      #expect(f.rip == 0x1000_9040 && f.rsp == 0x7777_0000 && f.rflags == 0x203)
      #expect(f.rax == 0x1111 && f.rcx == 0x3333 && f.r11 == 0x2222)
      #expect(!f.leavesBySysret && !m.vcpu[].isKernelMode)
      m.reset()
      #expect(result(m, 0) == 4 << 16 | 17)
      #expect(result(m, 2) == 0x7777, "what stands behind it is not done")
    }
  }

  @Test func eachEntryHasItsResult() throws {
    try TrapMachine.run { m in
      list(
        m,
        [
          [HypercallNumber.xenVersion, 0], [63], [HypercallNumber.multicall, TrapMachine.page(1), 1],
          [HypercallNumber.xenVersion, 5, 0x4000], [HypercallNumber.stackSwitch, 0xe02b, 0x1234],
        ])
      m.reset()
      #expect(m.call(HypercallNumber.multicall, TrapMachine.page(1), 5) == 0)
      let results = (0..<5).map { Int64(bitPattern: result(m, UInt64($0))) }
      #expect(results == [4 << 16 | 17, -38, -22, -14, 0])
      #expect(m.vcpu[].kernelStackPointer == 0x1234)
      m.reset()
      #expect(m.call(HypercallNumber.multicall, 0x4000, 1) == -14)
      m.reset()
      #expect(m.call(HypercallNumber.multicall, TrapMachine.page(1), 0) == 0)
    }
  }

  // ---- What the CPU refuses ----

  @Test func aRefusedReturnIsTheFaultThatItWas() throws {
    try TrapMachine.run { m in
      for (vector, code) in [(13, 0x1238), (11, 8), (12, 0x10), (13, 0)] as [(UInt8, UInt32)] {
        m.resetToUser()
        m.cpu[].fixedFault = FixedFault(vector: vector, errorCode: code, address: 0)
        TrapDispatch.returnRefused(m.frame)
        #expect(m.frame[].rip == TrapMachine.handler(vector))
        #expect(Array(m.words(m.frame[].rsp, 4)[2...3]) == [UInt64(code), TrapMachine.code])
      }
      // A page fault on a descriptor: the guest sees it in its own LDT, not the code of an earlier fault.
      m.resetToUser()
      m.vcpu[].ldtBase = 0x5000_0000
      m.cpu[].fixedFault = FixedFault(vector: 13, errorCode: 0x1238, address: 0)
      Self.machine = m
      defer { Self.machine = nil }
      let address = m.cpu[].area.ldtBase + 0x1008
      Registers.cr2 = address
      Self.faultInHypervisor(code: 0)
      #expect(m.cpu[].fixedFault.vector == 14)
      TrapDispatch.returnRefused(m.frame)
      #expect(m.frame[].rip == TrapMachine.handler(14))
      #expect(m.vcpu[].info.cr2 == 0x5000_1008)
      #expect(m.words(m.frame[].rsp, 3)[2] == 4, "user, and nothing of the earlier fault's")
    }
  }

  nonisolated(unsafe) static var machine: TrapMachine?

  /// A page fault of our own at an instruction that was provided for.
  private static func faultInHypervisor(code: UInt32) {
    Simulation.handlePageFaults(from: 0x8000, to: 0x8080) { _, _ in false }
    guard let m = machine else { return }
    let kept = m.frame[]
    m.frame[].rip = 0x8000
    m.frame[].cs = 0xe008
    m.frame[].error_code = code
    TrapDispatch.pageFault(m.frame)
    #expect(m.frame[].rip == 0x8080)
    m.frame[] = kept
  }
}
