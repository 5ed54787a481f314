// SPDX-License-Identifier: Apache-2.0
// CPUs and domains that change their pool.
import Machine
import Scheduling
import XenABI

extension CPUPools {
  /// Moves a CPU of no pool into one, or goes on doing so. `nil` for any such CPU. Gives whether all is done: if not, the call
  /// is to be made again.
  ///
  /// - Throws: `noEntry` for a pool that does not exist; `invalid` for a CPU that does not; `noDevice` if it is not free;
  ///   `addressNotAvailable` while another change has not been finished.
  public mutating func add(cpu wanted: Int?, to id: UInt32) throws(XenError) -> Bool {
    guard find(id) != nil else { throw .noEntry }
    if try !isResumed(wanted, id, isRemoval: false) {
      guard let cpu = wanted ?? free.first else { throw .noDevice }
      guard Scheduler.onlineCPUs.contains(cpu) else { throw .invalid }
      guard free.contains(cpu) else { throw .noDevice }
      free.remove(cpu)
      change(id) { $0.cpus.insert(cpu) }
      if let limit = find(id)?.rateLimit { Scheduler.setRateLimit(limit, ofCPU: cpu) }
      pending = PendingCPUChange(cpu: cpu, pool: id, isRemoval: false)
    }
    return finish()
  }

  /// Takes a CPU out of a pool, or goes on doing so; it is of no pool then. `nil` for the pool's last one.
  ///
  /// - Throws: `noEntry` for a pool that does not exist; `invalid` for a CPU that does not; `noDevice` if it is not the pool's;
  ///   `busy` if it is the last one of a pool with domains; `addressInUse` while a vCPU is tied to it by its own word;
  ///   `addressNotAvailable` while another change has not been finished.
  public mutating func remove(cpu wanted: Int?, from id: UInt32) throws(XenError) -> Bool {
    guard let pool = find(id) else { throw .noEntry }
    if try !isResumed(wanted, id, isRemoval: true) {
      let mine = pool.onlineCPUs
      guard let cpu = wanted ?? CPUPools.last(of: mine) else { throw .noDevice }
      guard Scheduler.onlineCPUs.contains(cpu) else { throw .invalid }
      guard mine.contains(cpu) else { throw .noDevice }
      guard mine.count > 1 || CPUPools.domainCount(id) == 0 else { throw .busy }
      guard !CPUPools.isTied(to: cpu) else { throw .addressInUse }
      change(id) { $0.cpus.remove(cpu) }
      pending = PendingCPUChange(cpu: cpu, pool: id, isRemoval: true)
    }
    return finish()
  }

  /// Moves a domain to a pool.
  ///
  /// - Throws: `noEntry` for a pool that does not exist; `invalid` for one without CPUs, and for Domain 0, which stays in its
  ///   pool; `addressNotAvailable` while a change of CPUs has not been finished.
  public mutating func move(_ domain: Ref<Domain>, to id: UInt32) throws(XenError) {
    guard let pool = find(id) else { throw .noEntry }
    if domain[].shares.pool == id { return }
    guard domain[].id.raw != 0, !pool.onlineCPUs.isEmpty else { throw .invalid }
    guard pending == nil else { throw .addressNotAvailable }
    domain[].shares.poolNumber.store(UInt64(id))
    CPUPools.confine(domain, pool.cpus)
  }

  /// Sets a pool's rate limit in microseconds: how long a vCPU runs at least before another one takes its turn; 0: as short as
  /// fairness wants it.
  ///
  /// - Throws: `noSuchDomain` for a pool that does not exist.
  public mutating func setRateLimit(_ microseconds: UInt32, of id: UInt32) throws(XenError) {
    guard let pool = find(id) else { throw .noSuchDomain }
    change(id) { $0.rateLimit = microseconds }
    var cpu = pool.onlineCPUs.first
    while let number = cpu {
      Scheduler.setRateLimit(microseconds, ofCPU: number)
      cpu = pool.onlineCPUs.first(notBefore: number &+ 1)
    }
  }

  /// Whether the change that is pending is the one that is asked for.
  private func isResumed(_ cpu: Int?, _ id: UInt32, isRemoval: Bool) throws(XenError) -> Bool {
    guard let pending else { return false }
    guard pending.pool == id, pending.isRemoval == isRemoval, cpu == nil || cpu == pending.cpu else {
      throw .addressNotAvailable
    }
    return true
  }

  /// Tells the pool's vCPUs of the pending change, for as long as one stretch may be. Gives whether all know.
  private mutating func finish() -> Bool {
    guard var change = pending else { return true }
    let hypervisor = Ref<Hypervisor>.shared
    let cpus = cpus(of: change.pool)
    let start = Hypervisor.now
    let end = min(hypervisor[].domains.capacity, Int(DomainID.firstReserved))
    while change.next < end {
      let number = UInt16(truncatingIfNeeded: change.next)
      change.next &+= 1
      guard let domain = hypervisor[].domains.find(DomainID(number)), domain[].shares.pool == change.pool else {
        continue
      }
      CPUPools.confine(domain, cpus)
      if Hypervisor.now &- start > 50_000 {
        pending = change
        return false
      }
    }
    if change.isRemoval { free.insert(change.cpu) }
    pending = nil
    return true
  }

  /// Has the run queues know where a domain's vCPUs may run, now that its pool has `cpus`.
  private static func confine(_ domain: Ref<Domain>, _ cpus: CPUMask) {
    for index in 0..<domain[].maximumVCPUs {
      if let vcpu = domain[].vcpu(index: index) { Scheduler.confine(vcpu, to: cpus) }
    }
  }

  /// Whether a vCPU is tied to a CPU by its own word: only the domain with the hardware's can be.
  private static func isTied(to cpu: Int) -> Bool {
    guard let domain = Hypervisor.domain(DomainID(0)) else { return false }
    for index in 0..<domain[].maximumVCPUs {
      if let vcpu = domain[].vcpu(index: index), vcpu[].affinity.override == cpu { return true }
    }
    return false
  }

  private static func last(of cpus: CPUMask) -> Int? {
    var last: Int?
    var cpu = cpus.first
    while let number = cpu {
      last = number
      cpu = cpus.first(notBefore: number &+ 1)
    }
    return last
  }
}
