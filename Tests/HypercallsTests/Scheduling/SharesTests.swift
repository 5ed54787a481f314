// SPDX-License-Identifier: Apache-2.0
// Weights, caps and the rate limit as xl sched-credit2 reads and sets them; the scheduler's name; idle times; and that what was
// set reaches the run queues.
import CXenABI
import Machine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls
@testable import Scheduling

private func shares(_ command: Int32, weight: UInt16 = 0, cap: UInt16 = 0, scheduler: Int32 = XEN_SCHEDULER_CREDIT2)
  -> martlet_domain_scheduler_op
{
  martlet_domain_scheduler_op(
    sched_id: UInt32(scheduler), cmd: UInt32(bitPattern: command), weight: weight, cap: cap, rest: 0)
}

@Suite struct SharesTests {
  @Test func weightAndCapReachEveryVCPU() {
    Toolstack.run(vcpus: 3) { tools in
      var body = shares(XEN_DOMCTL_SCHEDOP_getinfo)
      #expect(tools.domctl(XEN_DOMCTL_scheduler_op, &body) == 0)
      #expect(body.weight == 256 && body.cap == 0)
      for (weight, cap) in [(1, 50), (65_535, 299), (512, 300), (512, 65_535), (256, 1)] as [(UInt16, UInt16)] {
        body = shares(XEN_DOMCTL_SCHEDOP_putinfo, weight: weight, cap: cap)
        #expect(tools.domctl(XEN_DOMCTL_scheduler_op, &body) == 0)
        body = shares(XEN_DOMCTL_SCHEDOP_getinfo)
        #expect(tools.domctl(XEN_DOMCTL_scheduler_op, &body) == 0)
        #expect(body.weight == weight && body.cap == cap)
        for index in 0..<3 {
          let entity = tools.vcpu(index)[].entity
          #expect(entity.weight == weight)
          // In windows of 10 ms; no cap where it could never bind.
          #expect(entity.cap.budget == (cap >= 300 ? 0 : UInt64(cap) * 100_000))
        }
      }
      // A weight of zero leaves it.
      body = shares(XEN_DOMCTL_SCHEDOP_putinfo, cap: 20)
      #expect(tools.domctl(XEN_DOMCTL_scheduler_op, &body) == 0)
      #expect(tools.guest[].shares.weight == 256 && tools.guest[].shares.cap == 20)
      // Others have what they had.
      #expect(tools.control[].shares.weight == 256 && tools.caller[].entity.cap.budget == 0)
    }
  }

  @Test func aCapHoldsForTheDomainAsAWhole() {
    Toolstack.run(vcpus: 2) { tools in
      Scheduler.setShares(tools.guest, weight: 256, cap: 50)
      var store = VCPUStore()
      let shared = store.changeBudget(of: tools.vcpu(0)[].index) {
        $0.open(at: 1_000_000_000, budget: 5_000_000, window: 10_000_000)
        return $0.draw(4_000_000)
      }
      #expect(shared == 4_000_000)
      let rest = store.changeBudget(of: tools.vcpu(1)[].index) { $0.draw(4_000_000) }
      #expect(rest == 1_000_000)
      let other = store.changeBudget(of: tools.caller[].index) {
        $0.open(at: 1_000_000_000, budget: 5_000_000, window: 10_000_000)
        return $0.draw(5_000_000)
      }
      #expect(other == 5_000_000)
    }
  }

  @Test func refusals() {
    Toolstack.run { tools in
      for scheduler in [XEN_SCHEDULER_CREDIT, XEN_SCHEDULER_RTDS, XEN_SCHEDULER_NULL, 0, -1] {
        var body = shares(XEN_DOMCTL_SCHEDOP_getinfo, scheduler: 6)
        body.sched_id = UInt32(bitPattern: scheduler)
        #expect(tools.domctl(XEN_DOMCTL_scheduler_op, &body) == XenError.invalid.code)
      }
      for command in [XEN_DOMCTL_SCHEDOP_putvcpuinfo, XEN_DOMCTL_SCHEDOP_getvcpuinfo, 4, -1] {
        var body = shares(command)
        #expect(tools.domctl(XEN_DOMCTL_scheduler_op, &body) == XenError.invalid.code)
      }
      var body = shares(XEN_DOMCTL_SCHEDOP_getinfo)
      #expect(tools.domctl(XEN_DOMCTL_scheduler_op, domain: 5, &body) == XenError.noSuchDomain.code)
    }
  }

  @Test func theSchedulersNameAndRateLimit() {
    Toolstack.run { tools in
      var name = UInt32(0)
      #expect(tools.sysctl(XEN_SYSCTL_sched_id, &name) == 0)
      #expect(name == UInt32(XEN_SCHEDULER_CREDIT2))
      func limit(_ command: Int32, _ value: UInt32 = 0, pool: UInt32 = 0, scheduler: Int32 = XEN_SCHEDULER_CREDIT2) -> (
        Int64, UInt32
      ) {
        var body = martlet_system_scheduler_op(
          cpupool_id: pool, sched_id: UInt32(scheduler), cmd: UInt32(bitPattern: command), padding: 0,
          ratelimit_us: value, rest: 0)
        return (tools.sysctl(XEN_SYSCTL_scheduler_op, &body), body.ratelimit_us)
      }
      #expect(limit(XEN_SYSCTL_SCHEDOP_getinfo) == (0, 1_000))
      for value in [0, 100, 2_500, 500_000] as [UInt32] {
        #expect(limit(XEN_SYSCTL_SCHEDOP_putinfo, value) == (0, value))
        #expect(limit(XEN_SYSCTL_SCHEDOP_getinfo) == (0, value))
        for number in 0..<Toolstack.cpus {
          #expect(tools.cpu(number)[].queue.withLock { $0.parameters.allowance } == UInt64(value) * 1_000)
        }
      }
      for value in [1, 99, 500_001, .max] as [UInt32] {
        #expect(limit(XEN_SYSCTL_SCHEDOP_putinfo, value).0 == XenError.invalid.code)
      }
      #expect(limit(XEN_SYSCTL_SCHEDOP_getinfo).1 == 500_000)
      #expect(limit(2).0 == XenError.invalid.code)
      #expect(limit(XEN_SYSCTL_SCHEDOP_getinfo, scheduler: XEN_SCHEDULER_CREDIT).0 == XenError.invalid.code)
      #expect(limit(XEN_SYSCTL_SCHEDOP_getinfo, pool: 1).0 == XenError.noSuchDomain.code)
    }
  }

  @Test func idleTimes() {
    Toolstack.run { tools in
      func ask(_ room: UInt32, at: UInt64 = Toolstack.buffer) -> (Int64, UInt32) {
        var body = martlet_getcpuinfo(max_cpus: room, padding0: 0, info: at, nr_cpus: 99, padding1: 0)
        return (tools.sysctl(XEN_SYSCTL_getcpuinfo, &body), body.nr_cpus)
      }
      tools.set(Toolstack.buffer + 32, 0x55)
      let before = Hypervisor.now
      #expect(ask(.max) == (0, 4))
      for number in 0..<4 as Range<UInt64> {
        let idle = tools.word(Toolstack.buffer + number * 8)
        #expect(idle >= before && idle <= Hypervisor.now)
      }
      #expect(tools.word(Toolstack.buffer + 32) == 0x55)
      #expect(ask(0) == (0, 0))
      #expect(ask(2) == (0, 2))
      #expect(ask(1, at: Toolstack.hole).0 == XenError.fault.code)
      // CPU 2 gets something to do: its idle time stands still.
      var store = VCPUStore()
      _ = try? Scheduler.setAffinity(tools.vcpu(0), hard: CPUMask(cpu: 2), soft: nil, force: false)
      Scheduler.settle(tools.vcpu(0))
      _ = tools.cpu(2)[].queue.withLock { $0.decide(in: &store, now: Hypervisor.now) }
      #expect(Scheduler.idleTime(ofCPU: 2) == Scheduler.idleTime(ofCPU: 2))
      #expect(Scheduler.idleTime(ofCPU: 1) < Scheduler.idleTime(ofCPU: 1) + 1)
      let idle = Scheduler.idleTime(ofCPU: 1)
      while Hypervisor.now < before + 1_000 {}
      #expect(Scheduler.idleTime(ofCPU: 1) > idle)
    }
  }
}
