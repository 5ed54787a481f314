// SPDX-License-Identifier: Apache-2.0
// The handshake between a CPU that ends a domain and those that look after domains that have ended (docs/invariants.md,
// "Handshakes between CPUs"): whatever the order, nothing is left of the domain.
import Exploration
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains

@Suite struct ReaperHandshakeTests {
  /// A domain without anything, of number 3, whose destruction has nothing left to wait for.
  private func prepareVictim(_ stage: Stage) {
    var specification = DomainSpecification(
      id: try! DomainNumbers.reserve(wanted: 3), isPrivileged: false, mayUseHardware: false, vcpus: 1, frameLimit: 64)
    specification.isBuiltByTools = true
    let victim = try! DomainCreation.create(specification)
    try! DomainCreation.addVCPUs(victim)
    Simulation.stretchUnits = 1
    // The other CPU passes no exit yet.
    CPUs.setOnline(1, false)
    for _ in 0..<1000 where victim[].destruction.stage != .memory {
      Stretch.begin()
      _ = victim.destroy()
      stage.world.pause()
    }
    precondition(victim[].destruction.stage == .memory, "it does not come that far")
    CPUs.setOnline(1, true)
    Simulation.stretchUnits = nil
  }

  private func isLeft(_ run: Run) -> String? {
    Ref<Hypervisor>.shared[].endedCount.load() == 0 && Hypervisor.domain(DomainID(3)) == nil
      ? nil : "a domain that has ended is left"
  }

  @Test(arguments: [false, true]) func nothingIsLeftOfADomainThatEndsWhileAnotherCPULooks(isNoticed: Bool) {
    let outcome = Stage.explore(
      "a domain ends while a CPU looks after the dead", cpus: 2, vcpuOn: nil, tiedOn: [0, 1],
      prepare: prepareVictim,
      programs: [
        { (run: Run) in
          run.enter {
            Stretch.begin()
            let isDone = Hypervisor.domain(DomainID(3))!.destroy()
            Explored.require(isDone, "it does not end")
          }
        },
        { (run: Run) in
          run.enter {
            if isNoticed { ledger[].noteEnd() }
            Scheduler.yield()
          }
        },
      ],
      check: isLeft)
    #expect(outcome.failure == nil, "\(outcome)")
    #expect(outcome.isComplete || outcome.schedules >= 10_000, "\(outcome)")
    print(outcome)
  }
}
