// SPDX-License-Identifier: Apache-2.0
// CPU pools as xl cpupool-* makes, fills, lists, empties and ends them, with the errors that xen/sysctl.h names.
import CXenABI
import Machine
import Scheduling
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

private let any = UInt32(XEN_SYSCTL_CPUPOOL_PAR_ANY)

extension Toolstack {
  /// Makes one cpupool_op; the bitmap is at `buffer`.
  fileprivate func pool(
    _ operation: Int32, _ id: UInt32 = 0, cpu: UInt32 = 0, domain: UInt32 = 0, scheduler: Int32 = XEN_SCHEDULER_CREDIT2
  ) -> (result: Int64, answer: martlet_cpupool_op) {
    var body = martlet_cpupool_op(
      op: UInt32(operation), cpupool_id: id, sched_id: UInt32(scheduler), domid: domain, cpu: cpu, n_dom: 77,
      cpumap: bitmap(Toolstack.buffer))
    let result = sysctl(XEN_SYSCTL_cpupool_op, &body)
    return (result, body)
  }

  fileprivate func create(_ id: UInt32 = any) -> Int64 { pool(XEN_SYSCTL_CPUPOOL_OP_CREATE, id).result }
  fileprivate func add(_ cpu: UInt32, to id: UInt32) -> Int64 {
    pool(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, id, cpu: cpu).result
  }
  fileprivate func remove(_ cpu: UInt32, from id: UInt32) -> Int64 {
    pool(XEN_SYSCTL_CPUPOOL_OP_RMCPU, id, cpu: cpu).result
  }
  fileprivate func move(_ domain: UInt32, to id: UInt32) -> Int64 {
    pool(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, id, domain: domain).result
  }
}

@Suite struct CPUPoolTests {
  @Test func poolZeroHasEverything() {
    Toolstack.run { tools in
      let info = tools.pool(XEN_SYSCTL_CPUPOOL_OP_INFO)
      #expect(info.result == 0 && info.answer.cpupool_id == 0 && info.answer.n_dom == 2)
      #expect(info.answer.sched_id == UInt32(XEN_SCHEDULER_CREDIT2))
      #expect(tools.word(Toolstack.buffer) == 0xf)
      #expect(tools.pool(XEN_SYSCTL_CPUPOOL_OP_INFO, 1).result == XenError.noEntry.code)
      #expect(tools.pool(XEN_SYSCTL_CPUPOOL_OP_FREEINFO).result == 0)
      #expect(tools.word(Toolstack.buffer) == 0)
      // What xl create does with every domain.
      #expect(tools.move(1, to: 0) == 0)
      #expect(tools.move(0, to: 0) == 0)
      #expect(tools.pool(99).result == XenError.notSupported.code)
    }
  }

  @Test func listingGoesFromNumberToNumber() {
    Toolstack.run { tools in
      for id in [7, 3] as [UInt32] { #expect(tools.create(id) == 0) }
      let lowest = tools.pool(XEN_SYSCTL_CPUPOOL_OP_CREATE, any)
      #expect(lowest.result == 0 && lowest.answer.cpupool_id == 1)
      var found: [UInt32] = []
      var next: UInt32 = 0
      while true {
        let info = tools.pool(XEN_SYSCTL_CPUPOOL_OP_INFO, next)
        if info.result == XenError.noEntry.code { break }
        found.append(info.answer.cpupool_id)
        next = info.answer.cpupool_id + 1
      }
      #expect(found == [0, 1, 3, 7])
      #expect(tools.create(3) == XenError.exists.code)
      #expect(
        tools.pool(XEN_SYSCTL_CPUPOOL_OP_CREATE, 9, scheduler: XEN_SCHEDULER_RTDS).result == XenError.noEntry.code)
      for _ in 4..<CPUPools.limit { #expect(tools.create() == 0) }
      #expect(tools.create() == XenError.noSpace.code)
      #expect(tools.pool(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 3).result == 0)
      #expect(tools.pool(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 3).result == XenError.noEntry.code)
      #expect(tools.create(3) == 0)
    }
  }

  @Test func aDomainLivesInItsPool() {
    Toolstack.run(vcpus: 3) { tools in
      // Pinned to CPU 1, of which the new pool has nothing: there it may run anywhere.
      _ = try? Scheduler.setAffinity(tools.vcpu(2), hard: CPUMask(cpu: 1), soft: nil, force: false)
      for index in 0..<3 { Scheduler.settle(tools.vcpu(index)) }
      #expect(tools.create(5) == 0)
      for cpu in [2, 3] as [UInt32] {
        #expect(tools.add(cpu, to: 5) == XenError.noDevice.code)
        #expect(tools.remove(cpu, from: 0) == 0)
        #expect(tools.remove(cpu, from: 0) == XenError.noDevice.code)
      }
      for index in 0..<3 { #expect(tools.vcpu(index)[].entity.cpu < 2) }
      #expect(tools.pool(XEN_SYSCTL_CPUPOOL_OP_FREEINFO).result == 0 && tools.word(Toolstack.buffer) == 0b1100)
      #expect(tools.move(1, to: 5) == XenError.invalid.code)
      for cpu in [any, 3] { #expect(tools.add(cpu, to: 5) == 0) }
      #expect(tools.move(1, to: 5) == 0)
      #expect(tools.guest[].shares.pool == 5)
      for index in 0..<3 { #expect(tools.vcpu(index)[].entity.cpu >= 2 && tools.vcpu(index)[].entity.isRunnable) }
      let info = tools.pool(XEN_SYSCTL_CPUPOOL_OP_INFO, 5)
      #expect(info.answer.n_dom == 1 && tools.word(Toolstack.buffer) == 0b1100)
      #expect(tools.pool(XEN_SYSCTL_CPUPOOL_OP_INFO).answer.n_dom == 1)
      // Its affinity is within the pool from now on.
      #expect(throws: XenError.invalid) {
        try Scheduler.setAffinity(tools.vcpu(0), hard: CPUMask(cpu: 0), soft: nil, force: false)
      }
      // The pool cannot go, nor its last CPU.
      #expect(tools.pool(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 5).result == XenError.busy.code)
      #expect(tools.remove(any, from: 5) == 0)
      for index in 0..<3 { #expect(tools.vcpu(index)[].entity.cpu == 2) }
      #expect(tools.remove(2, from: 5) == XenError.busy.code)
      // Back, and the pin to CPU 1 holds again.
      #expect(tools.move(1, to: 0) == 0)
      #expect(tools.vcpu(2)[].entity.cpu == 1)
      #expect(tools.pool(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 5).result == XenError.busy.code)
      #expect(tools.remove(2, from: 5) == 0)
      #expect(tools.pool(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 5).result == 0)
      for cpu in [2, 3] as [UInt32] { #expect(tools.add(cpu, to: 0) == 0) }
      #expect(tools.pool(XEN_SYSCTL_CPUPOOL_OP_INFO).result == 0 && tools.word(Toolstack.buffer) == 0xf)
    }
  }

  @Test func refusals() throws {
    try Toolstack.run { tools in
      #expect(tools.add(0, to: 4) == XenError.noEntry.code)
      #expect(tools.remove(0, from: 4) == XenError.noEntry.code)
      #expect(tools.move(1, to: 4) == XenError.noEntry.code)
      #expect(tools.pool(XEN_SYSCTL_CPUPOOL_OP_DESTROY).result == XenError.busy.code)
      for cpu in [4, 255, 256, 0x7fff_ffff] as [UInt32] {
        #expect(tools.add(cpu, to: 0) == XenError.invalid.code)
        #expect(tools.remove(cpu, from: 0) == XenError.invalid.code)
      }
      #expect(tools.add(any, to: 0) == XenError.noDevice.code)
      #expect(tools.add(0, to: 0) == XenError.noDevice.code)
      for domain in [2, 0x7ff0, 0xffff, 0x1_0001, .max] as [UInt32] {
        #expect(tools.move(domain, to: 0) == XenError.invalid.code)
      }
      #expect(tools.create(1) == 0)
      #expect(tools.move(0, to: 1) == XenError.invalid.code)
      try Scheduler.override(tools.caller, with: 1)
      #expect(tools.remove(1, from: 0) == XenError.addressInUse.code)
      try Scheduler.override(tools.caller, with: nil)
      #expect(tools.remove(1, from: 0) == 0)
      #expect(throws: XenError.invalid) { try Scheduler.override(tools.caller, with: 1) }
      for operation in [XEN_SYSCTL_CPUPOOL_OP_INFO, XEN_SYSCTL_CPUPOOL_OP_FREEINFO] {
        var body = martlet_cpupool_op()
        body.op = UInt32(operation)
        body.cpumap = bitmap(Toolstack.hole)
        #expect(tools.sysctl(XEN_SYSCTL_cpupool_op, &body) == XenError.fault.code)
        body.cpumap = bitmap(Toolstack.buffer, bits: .max)
        #expect(tools.sysctl(XEN_SYSCTL_cpupool_op, &body) == XenError.invalid.code)
      }
    }
  }

  @Test func aChangeThatWasInterruptedGoesOn() {
    Toolstack.run { tools in
      let pools = Ref<Hypervisor>.shared
      // As if the first stretch had ended before domain 1 was reached.
      pools[].pools.withLock { state in
        state.change(0) { $0.cpus.remove(3) }
        state.pending = PendingCPUChange(cpu: 3, pool: 0, isRemoval: true, next: 1)
      }
      #expect(tools.remove(2, from: 0) == XenError.addressNotAvailable.code)
      #expect(tools.add(3, to: 0) == XenError.addressNotAvailable.code)
      #expect(tools.create(1) == 0)
      #expect(tools.move(1, to: 1) == XenError.invalid.code)
      #expect(tools.vcpu(0)[].entity.hardAffinity.contains(3))
      #expect(tools.remove(3, from: 0) == 0)
      #expect(!tools.vcpu(0)[].entity.hardAffinity.contains(3))
      #expect(tools.pool(XEN_SYSCTL_CPUPOOL_OP_FREEINFO).result == 0 && tools.word(Toolstack.buffer) == 0b1000)
      #expect(tools.remove(2, from: 0) == 0)
    }
  }

  @Test func newVCPUsStartInThePool() throws {
    try Toolstack.run { tools in
      #expect(tools.create(1) == 0)
      #expect(tools.remove(2, from: 0) == 0)
      #expect(tools.add(2, to: 1) == 0)
      #expect(CPUPools.isUsable(1) && !CPUPools.isUsable(2))
      let domain = tools.world.makeDomain(2, vcpus: 2)
      #expect(tools.move(2, to: 1) == 0)
      Scheduler.setShares(domain, weight: 99, cap: 10)
      for index in 0..<2 {
        let vcpu = domain[].vcpu(index: index)!
        Scheduler.admit(vcpu)
        #expect(vcpu[].entity.cpu == 2 && vcpu[].entity.weight == 99)
        #expect(vcpu[].entity.cap.budget == 1_000_000 && vcpu[].entity.warpSettings == .usual)
        #expect(!vcpu[].entity.hardAffinity.contains(0))
      }
    }
  }
}
