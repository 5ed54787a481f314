// SPDX-License-Identifier: Apache-2.0
// Waiting until a domain, or one of its vCPUs, is at rest: its registers are in its records, and no CPU uses its page tables.
//
//   H1  A CPU that is in the set of those that translate for a domain (`OwnerAccounts.translating`) holds the state of one of
//       its vCPUs, or did so last; every other CPU has neither its registers, nor its page tables, nor its descriptors. A CPU
//       that has nobody to run leaves the set unless the vCPU it ran last only waits for an event.
//   H2  A CPU's top-level table, and the descriptor pages that its area shows, are held by the vCPU whose state it has, or are the
//       hypervisor's own. That vCPU can run nowhere else, so nobody else changes what it holds. A CPU therefore lets a vCPU go
//       (`Scheduler.letGo`: it may be chosen elsewhere, set up, or destroyed) only when others are loaded.
//   H3  A vCPU is in the queue of its home, and in no queue while it has none: `VCPU.home` changes under the lock of the queue
//       that it names. Whoever changes the vCPU's holds brings that queue in line; where there is none, whoever puts the vCPU
//       into one does, before anybody can choose it there (Scheduler+Homes.swift).
import Frames
import Machine
import Scheduling
import XenABI

/// Domains at rest.
public enum Quiescence {
  /// Has CPUs put away the state of a domain whose vCPUs are all held, and waits for them a short while. True when none is
  /// left: no vCPU of the domain's can run then until a hold is lifted.
  public static func settle(_ domain: Ref<Domain>) -> Bool {
    let id = domain[].id
    return wait { ledger[].accounts.translating(id) }
  }

  /// The same for one vCPU, which is held.
  public static func settle(_ vcpu: Ref<VCPU>) -> Bool {
    wait {
      var set = CPUSet()
      if vcpu[].isLoaded.load() != 0 { set.insert(Int(vcpu[].cpu.load())) }
      return set
    }
  }

  private static func wait(_ busy: () -> CPUSet) -> Bool {
    var asked = CPUSet()
    let start = Hypervisor.now
    // Each of them is in a guest, idle, or in a stretch of some 100 microseconds; and clocks may stand still in tests.
    for _ in 0..<100_000 {
      var rest = busy()
      if rest.first == nil { return true }
      // This CPU runs somebody else, or it could not be waiting: it is only in the set while it is being asked to leave.
      if rest.contains(CPUs.current) { return false }
      while let number = rest.first {
        rest.remove(number)
        guard !asked.contains(number), let cpu = Ref<Hypervisor>.shared[].cpus[number] else { continue }
        asked.insert(number)
        Scheduler.demandDecision(cpu)
      }
      if Hypervisor.now &- start > 1_000_000 { break }
      Waiting.step()
    }
    return false
  }
}

extension Ref where T == Domain {
  /// One more reason for the domain not to run, by the toolstack's word. When it returns, the domain is at rest.
  ///
  /// - Throws: `tooBig` if there are too many already; `restart` if not all CPUs have put its state away in time: it is not
  ///   paused then.
  public func pause() throws(XenError) {
    try beginPause()
    if Quiescence.settle(self) { return }
    // Whoever asks again finds it as it was. Should nobody, it must not stay paused without anybody's having been told so.
    _ = unpause()
    throw .restart
  }

  /// One more reason for the domain not to run, without a wait until it is at rest: what one of its own vCPUs may ask for.
  ///
  /// - Throws: `tooBig` if there are too many already.
  func beginPause() throws(XenError) {
    try self[].life.withLock { _ throws(XenError) in
      let count = self[].pauseCount.load()
      guard count < 255 else { throw .tooBig }
      self[].pauseCount.store(count &+ 1)
      if count == 0 { holdAll(VCPUHold.paused) }
    }
  }

  /// One reason less. False if there was none.
  public func unpause() -> Bool {
    self[].life.withLock { _ in
      let count = self[].pauseCount.load()
      guard count > 0 else { return false }
      self[].pauseCount.store(count &- 1)
      if count == 1 { releaseAll(VCPUHold.paused) }
      return true
    }
  }

  /// Lifts a hold of all vCPUs.
  public func releaseAll(_ hold: UInt64) {
    for index in 0..<self[].maximumVCPUs {
      guard let vcpu = self[].vcpu(index: index) else { continue }
      vcpu[].holds.fetchAnd(~hold)
      Scheduler.settle(vcpu)
    }
  }
}

extension Ref where T == VCPU {
  /// Runs `body` while the vCPU is at rest and nobody else inspects it or sets it up, or gives nil: it could not be stopped in
  /// time; try again.
  ///
  /// - Throws: `restart` while another is at it; what `body` throws.
  public func inspected<R>(_ body: () throws(XenError) -> R) throws(XenError) -> R? {
    try claimed { () throws(XenError) -> R? in
      self[].holds.fetchOr(VCPUHold.inspected)
      Scheduler.settle(self)
      defer {
        self[].holds.fetchAnd(~VCPUHold.inspected)
        Scheduler.settle(self)
      }
      guard Quiescence.settle(self) else { return nil }
      return try body()
    }
  }

  /// What it has spent its time on so far, as the run queue that it belongs to has it.
  public func runstateTimes() -> (state: RunstateAccount, now: UInt64) {
    while self[].isScheduled {
      let now = Hypervisor.now
      let account: RunstateAccount? = Scheduler.withHome(of: self) { _, _ in self[].entity.account }
      if let account { return (account, now) }
      Waiting.step()
    }
    // No queue has it: it is new, or gone for good.
    return (self[].entity.account, Hypervisor.now)
  }
}
