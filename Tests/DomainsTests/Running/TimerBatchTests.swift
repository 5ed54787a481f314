// SPDX-License-Identifier: Apache-2.0
// Timers that fall due together are handled in several stretches, with interrupts let in between them.
import Machine
import SimulatedMachine
import Testing

@testable import Domains

@Suite struct TimerBatchTests {
  @Test func timersThatAreDueTogetherAreHandledInStretches() {
    SimulatedMachine.run(MachinePlan(frames: 8192)) { world in
      let count = 3 * Timers.batch + 4
      for id in 1...4 as ClosedRange<UInt16> {
        let domain = world.makeDomain(id, vcpus: count / 4)
        for index in 0..<count / 4 { domain[].vcpu(index: index)?.changeTimers { $0.oneShot = 1 } }
      }
      let cpu = world.cpu
      var left = cpu[].timers.withLock { $0.count }
      #expect(left == count)
      var stretches = 0
      repeat {
        cpu[].work.store(0)
        Timers.run(cpu, now: Hypervisor.now)
        let now = cpu[].timers.withLock { $0.count }
        #expect(left - now <= Timers.batch)
        (left, stretches) = (now, stretches + 1)
      } while cpu[].work.load() & CPUWork.timers != 0 && stretches < count
      #expect(left == 0 && stretches == 4)
    }
  }
}
