// SPDX-License-Identifier: Apache-2.0
// The hypervisor's own page tables: rule W2.
import SimulatedMachine
import Testing

@testable import Machine

@Suite struct HypervisorPageTablesTests {
  @Test func W2_guestsGetAtNothingButTheMachineToPhysicalTable() {
    MachineTurn.take {
      precondition(Simulation.start(frames: 256))
      var memory = BootMemory()
      _ = memory.add(start: 16, end: 200)
      let tables = HypervisorPageTables(memory: &memory)!
      let data = PTE.present | PTE.writable | PTE.noExecute
      // Other things in the same slots, before and after.
      #expect(
        tables.map(
          linear: HypervisorSpace.machineToPhysical + 1 << 30, to: MachineFrame(3), frames: 1, bits: data,
          memory: &memory))
      #expect(
        tables.map(
          linear: HypervisorSpace.machineToPhysical, to: MachineFrame(8), frames: 3,
          bits: PTE.present | PTE.user | PTE.noExecute, memory: &memory))
      for linear in [HypervisorSpace.window, HypervisorSpace.image, HypervisorSpace.localAPIC] {
        #expect(tables.map(linear: linear, to: MachineFrame(4), frames: 2, bits: data, memory: &memory))
      }
      #expect(tables.lastTable(linear: HypervisorSpace.cpuArea(0), memory: &memory) != nil)

      // Every entry of every table, and the linear address that it begins to translate.
      var shown: [UInt64] = []
      func look(_ table: MachineFrame, level: Int, base: UInt64) {
        for index in 0..<512 {
          let entry = PhysicalWindow.load(table, word: index)
          guard entry & PTE.present != 0 else { continue }
          let linear = base + UInt64(index) << UInt64(3 + 9 * level)
          if entry & PTE.user != 0 {
            shown.append(linear)
          }
          if level > 1 && entry & PTE.large == 0 {
            look(MachineFrame(physical: entry & PTE.frameMask), level: level - 1, base: linear)
          }
        }
      }
      look(tables.root, level: 4, base: 0xffff_0000_0000_0000)
      let first = HypervisorSpace.machineToPhysical
      #expect(shown == [first, first, first, first, first + 4096, first + 8192], "\(shown)")
    }
  }
}
