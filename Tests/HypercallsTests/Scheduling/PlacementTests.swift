// SPDX-License-Identifier: Apache-2.0
// Which CPU a vCPU goes to when it wakes, when it is unpaused, and when busy CPUs balance.
import Machine
import Scheduling
import Testing
import XenABI

@testable import Domains

@Suite struct PlacementTests {
  private func makeBusy(_ tools: Toolstack, _ vcpu: Ref<VCPU>, on number: Int) throws {
    _ = try Scheduler.setAffinity(vcpu, hard: CPUMask(cpu: number), soft: nil, force: false)
    Scheduler.settle(vcpu)
    var store = VCPUStore()
    let next = tools.cpu(number)[].queue.withLock { $0.decide(in: &store, now: Hypervisor.now).next }
    #expect(next == vcpu[].index)
    tools.cpu(number)[].isIdle = false
  }

  @Test func onlyAnIdleCPUThatMayRunTheWakerIsCalled() throws {
    try Toolstack.run(vcpus: 3) { tools in
      try makeBusy(tools, tools.vcpu(0), on: 0)
      // Of CPUs 0, 2 and 3 the last one is preferred.
      _ = try Scheduler.setAffinity(
        tools.vcpu(1), hard: CPUMask(words: [0b1101, 0, 0, 0]), soft: CPUMask(cpu: 3), force: false)
      let waker = tools.vcpu(1)
      waker[].holds.store(VCPUHold.blocked)
      Scheduler.settle(waker)
      let isGone = Scheduler.withHome(of: waker) { queue, _ in
        Scheduler.take(waker, outOf: &queue, now: Hypervisor.now)
      }
      #expect(isGone == true)
      Scheduler.admit(waker, to: tools.cpu(0))
      for number in 0..<4 { tools.cpu(number)[].work.store(0) }
      waker[].holds.store(0)
      Scheduler.settle(waker)
      #expect(waker[].entity.cpu == 0)
      #expect(tools.cpu(1)[].work.load() == 0 && tools.cpu(2)[].work.load() == 0)
      #expect(tools.cpu(3)[].work.load() & CPUWork.schedule != 0)
      #expect(Scheduler.steal(tools.cpu(3), now: Hypervisor.now))
      #expect(waker[].entity.cpu == 3)
    }
  }

  @Test func whoIsUnpausedGoesToTheLeastLoadedCPU() throws {
    try Toolstack.run(vcpus: 6) { tools in
      for number in 0..<4 { try makeBusy(tools, tools.vcpu(number), on: number) }
      Scheduler.setShares(tools.guest, weight: 256, cap: 0)
      let vcpu = tools.vcpu(4)
      vcpu[].holds.store(VCPUHold.paused)
      // CPU 2 has less to do than the others, and it is not the one that the vCPU belongs to.
      _ = try Scheduler.setAffinity(vcpu, hard: CPUMask(cpu: 1), soft: nil, force: false)
      _ = try Scheduler.setAffinity(vcpu, hard: .all, soft: nil, force: false)
      var store = VCPUStore()
      let light = tools.vcpu(2)
      _ = tools.cpu(2)[].queue.withLock {
        $0.setWeight(10, of: light[].index, in: &store, now: Hypervisor.now)
      }
      #expect(vcpu[].entity.cpu == 1)
      vcpu[].holds.store(0)
      Scheduler.settle(vcpu)
      #expect(vcpu[].entity.cpu == 2 && vcpu[].entity.isRunnable)
      // One that only waits for an event stays with its caches.
      let waiting = tools.vcpu(5)
      waiting[].holds.store(VCPUHold.blocked)
      _ = try Scheduler.setAffinity(waiting, hard: CPUMask(cpu: 1), soft: nil, force: false)
      _ = try Scheduler.setAffinity(waiting, hard: .all, soft: nil, force: false)
      Scheduler.settle(waiting)
      waiting[].holds.store(0)
      Scheduler.settle(waiting)
      #expect(waiting[].entity.cpu == 1 && waiting[].entity.isRunnable)
    }
  }

  @Test func whoIsOnItsWayIsNotOutOfAllQueues() {
    Toolstack.run { tools in
      let vcpu = tools.vcpu(0)
      Scheduler.settle(vcpu)
      let isGone = Scheduler.withHome(of: vcpu) { queue, _ in
        Scheduler.take(vcpu, outOf: &queue, now: Hypervisor.now)
      }
      #expect(isGone == true)
      // Another CPU is moving it, as it dies.
      vcpu[].holds.fetchOr(VCPUHold.dying)
      Scheduler.settle(vcpu)
      #expect(!Scheduler.withdraw(vcpu))
      Scheduler.join(vcpu)
      Scheduler.settle(vcpu)
      #expect(vcpu[].entity.isAdmitted)
      #expect(Scheduler.withdraw(vcpu) && !vcpu[].entity.isAdmitted)
      #expect(Scheduler.withdraw(vcpu))
    }
  }

  @Test func busyCPUsEvenOut() throws {
    try Toolstack.run(vcpus: 8) { tools in
      try makeBusy(tools, tools.vcpu(0), on: 0)
      for index in 1..<8 {
        let vcpu = tools.vcpu(index)
        _ = try Scheduler.setAffinity(vcpu, hard: CPUMask(cpu: 1), soft: nil, force: false)
        Scheduler.settle(vcpu)
        _ = try Scheduler.setAffinity(
          vcpu, hard: index == 7 ? CPUMask(cpu: 1) : .all, soft: nil, force: false)
      }
      tools.cpu(1)[].isIdle = false
      let now = Hypervisor.now
      Scheduler.balance(tools.cpu(0), now: now)
      let loads = (0..<2).map { number in tools.cpu(number)[].queue.withLock { $0.runnableWeight } }
      #expect(loads == [1_024, 1_024])
      #expect(tools.vcpu(7)[].entity.cpu == 1)
      #expect(tools.cpu(0)[].nextBalance > now && tools.cpu(0)[].nextBalance <= now + 2 * Scheduler.balancePeriod)
      #expect(tools.cpu(0)[].sliceEnd <= tools.cpu(0)[].nextBalance)
    }
  }
}
