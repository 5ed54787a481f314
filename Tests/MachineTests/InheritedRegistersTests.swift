// SPDX-License-Identifier: Apache-2.0
// What firmware, or a kernel before us, has left in a CPU's registers, and what the hypervisor makes of it.
import SimulatedMachine
import Testing

@testable import Machine

@Suite struct InheritedRegistersTests {
  static func run(_ body: () -> Void) {
    MachineTurn.take {
      #expect(Simulation.start(frames: 16))
      body()
    }
  }

  @Test func sysenterLeadsNowhere() {
    Self.run {
      for (number, value) in [(0x174, 8), (0x175, 0x1000), (0x176, 0xffff_ffff_8000_0000)] as [(UInt32, UInt64)] {
        Registers.setMSR(number, value)
      }
      InheritedRegisters.forgetSystemEnter()
      #expect((0x174...0x176 as ClosedRange<UInt32>).allSatisfy { Registers.msr($0) == 0 })
    }
  }

  @Test func transactionsAreSwitchedOffAndOn() {
    Self.run {
      // A CPU without the register refuses it.
      InheritedRegisters.setTransactions(on: false)
      #expect(Registers.msr(0x122) == nil)
      Registers.setMSR(0x122, 4)
      InheritedRegisters.setTransactions(on: false)
      #expect(Registers.msr(0x122) == 7)
      InheritedRegisters.setTransactions(on: true)
      #expect(Registers.msr(0x122) == 4)
    }
  }

  @Test func control4HasWhatTheCPUHas() {
    var features = CPUFeatures()
    #expect(CR4.initial(features, smep: true, smap: true) == 0x620)
    features.xsave = true
    features.umip = true
    features.smep = true
    features.smap = true
    #expect(CR4.initial(features, smep: true, smap: true) == 0x620 | 1 << 11 | 1 << 18 | 1 << 20 | 1 << 21)
    #expect(CR4.initial(features, smep: false, smap: false) == 0x620 | 1 << 11 | 1 << 18)
  }
}
