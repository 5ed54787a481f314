// SPDX-License-Identifier: Apache-2.0
// Machine checks: what the banks say, and who has to go.
import Machine
import SimulatedMachine
import Testing

@testable import Domains

@Suite struct MachineCheckTests {
  static let valid: UInt64 = 1 << 63
  static let uncorrected: UInt64 = 1 << 61
  static let hasAddress: UInt64 = 1 << 58
  static let corrupt: UInt64 = 1 << 57
  static let signalled: UInt64 = 1 << 56
  static let action: UInt64 = 1 << 55

  @Test(
    arguments: [
      (0, true, true, MachineCheckVerdict.goOn), (uncorrected, true, false, .endMachine),
      (uncorrected | corrupt, true, true, .endMachine), (corrupt, true, true, .endMachine),
      (uncorrected, true, true, .goOn), (uncorrected | signalled, true, true, .goOn),
      (uncorrected | signalled | action, true, true, .endDomain),
      (uncorrected | signalled | action, false, true, .endMachine), (0, false, true, .goOn),
    ] as [(UInt64, Bool, Bool, MachineCheckVerdict)])
  func verdicts(status: UInt64, inGuest: Bool, tellsRecoverable: Bool, expected: MachineCheckVerdict) {
    let error = MachineCheckError(bank: 0, status: status | Self.valid)
    #expect(MachineCheck.judge(error, inGuest: inGuest, tellsRecoverable: tellsRecoverable) == expected)
  }

  /// A CPU with two banks, on which vCPU 0 of domain 1 runs, that tells of recoverable errors and can go on.
  static func run(_ body: (SystemMachine, Ref<TrapFrame>) -> Void) {
    SystemMachine.run { machine in
      let features = CPUFeatures.current
      var modern = features
      modern.machineCheck = true
      modern.machineCheckBanks = true
      modern.publish()
      Ref<Console>.create(
        in: machine.world.ownFrames(Ref<Console>.framesNeeded),
        Console(port: nil, ring: machine.world.ownFrames(4), frames: 4)
      ).publish()
      // MCG_CAP: two banks, MCG_CTL, software recovery.
      Registers.setMSR(0x179, 2 | 1 << 8 | 1 << 24)
      for number in [0x17a, 0x17b] + Array(0x400...0x407) as [UInt32] { Registers.setMSR(number, 0) }
      let frame = Ref<TrapFrame>.create(in: machine.world.ownFrames(1), TrapFrame.zero)
      frame[].vector = 18
      frame[].cs = 0xe033
      Ref<PhysicalCPU>.current[].vcpu = machine.other[].vcpu(index: 0)
      body(machine, frame)
      Ref<PhysicalCPU>.current[].vcpu = nil
      features.publish()
    }
  }

  static var said: String {
    let console = Ref<Console>.shared
    let (first, end) = console.readable(after: nil)
    return String(decoding: (first..<end).map { console.byte(at: $0) }, as: UTF8.self)
  }

  @Test func everyBankReports() {
    Self.run { _, _ in
      Registers.setMSR(0x401, Self.valid | 0x151)
      MachineCheck.enable()
      #expect(
        Registers.msr(0x17b) == UInt64.max && Registers.msr(0x400) == UInt64.max && Registers.msr(0x404) == UInt64.max)
      #expect(Registers.cr4 & CR4.machineCheck != 0)
      // What was left from before is told, once.
      #expect(Self.said == "(XEN) machine check on CPU 0: bank 0 status 8000000000000151\n")
      #expect(Registers.msr(0x401) == 0)
    }
  }

  @Test func onlyTheDomainThatUsesDamagedMemoryGoes() {
    Self.run { machine, frame in
      Registers.setMSR(0x17a, 5)
      Registers.setMSR(0x405, Self.valid | Self.uncorrected | Self.hasAddress | Self.signalled | Self.action)
      Registers.setMSR(0x406, 0x1234_5000)
      MachineCheck.take(frame)
      #expect(machine.other[].life.withLock { $0.shutdownReason } == ShutdownReason.crash)
      #expect(machine.control[].life.withLock { $0.shutdownReason } == nil)
      #expect(Self.said.contains("machine check on CPU 0: bank 1 status a580000000000000 address 0000000012345000\n"))
      // The bank is free for the next error, and the next machine check is no shutdown.
      #expect(Registers.msr(0x405) == 0 && Registers.msr(0x17a) == 0)
    }
  }

  @Test func correctedErrorsAreTold() {
    Self.run { machine, frame in
      Registers.setMSR(0x17a, 5)
      Registers.setMSR(0x401, Self.valid | 0x151)
      MachineCheck.take(frame)
      #expect(machine.other[].life.withLock { $0.shutdownReason } == nil)
      #expect(Self.said == "(XEN) machine check on CPU 0: bank 0 status 8000000000000151\n")
      // In the hypervisor nothing is said, as it may have the console's lock: the bank keeps it for the next.
      Registers.setMSR(0x17a, 5)
      Registers.setMSR(0x401, Self.valid | 0x151)
      frame[].cs = 0xe008
      MachineCheck.take(frame)
      #expect(Registers.msr(0x401) != 0 && Registers.msr(0x17a) == 0)
    }
  }
}
