// SPDX-License-Identifier: Apache-2.0
// Giving up the CPU, waiting, and shutting down.
import Domains
import Machine
import XenABI

extension Hypercall {
  /// `sched_op`: command and the address of its argument (xen/sched.h).
  ///
  /// - Throws: see each command; `notImplemented` for an unknown one.
  mutating func schedulerOp() throws(XenError) -> HypercallOutcome {
    switch arguments[0] {
    case SchedulerOperation.yield:
      Scheduler.yield()
      return .success
    case SchedulerOperation.block:
      block()
      return .success
    case SchedulerOperation.shutdown:
      let reason = try GuestMemory.fetch(address(1), initial: UInt32(0))
      guard reason <= ShutdownReason.highest else { throw .invalid }
      shutDown(reason)
      return .success
    case SchedulerOperation.poll: return try poll()
    case SchedulerOperation.remoteShutdown: return try remoteShutdown()
    case SchedulerOperation.shutdownCode:
      // Says why, in case the domain is shut down by others. Kept only while it runs.
      let reason = try GuestMemory.fetch(address(1), initial: UInt32(0))
      guard reason <= ShutdownReason.highest else { throw .invalid }
      domain[].life.withLock { $0.announcedReason = reason }
      return .success
    case SchedulerOperation.watchdog: return try watchdog()
    case SchedulerOperation.pinOverride: return try pinOverride()
    default: throw .notImplemented
    }
  }

  /// `sched_op_compat`: the same without argument structures: yield, block, and shutdown with the reason in a register.
  mutating func schedulerOpCompat() throws(XenError) -> HypercallOutcome {
    switch arguments[0] {
    case SchedulerOperation.yield: Scheduler.yield()
    case SchedulerOperation.block: block()
    case SchedulerOperation.shutdown:
      // Whatever it is, in 8 bits: the toolstack makes something of it, or destroys the domain.
      shutDown(UInt32(arguments[1] & 0xff))
    default: throw .notImplemented
    }
    return .success
  }

  private func shutDown(_ reason: UInt32) {
    domain.shutDown(reason: reason)
  }

  /// Waits for an event. Events are let in first, so nothing that came before is slept over.
  private func block() {
    vcpu[].info.isMasked = false
    vcpu.block()
  }

  /// `SCHEDOP_poll`: waits until one of some ports is pending, or a time has come (struct sched_poll). Events stay masked.
  private func poll() throws(XenError) -> HypercallOutcome {
    var words = InlineArray<3, UInt64>(repeating: 0)
    words = try GuestMemory.fetch(address(1), initial: words)
    let count = UInt32(truncatingIfNeeded: words[1])
    guard count <= 128 else { throw .invalid }
    let only = count == 1 ? EventPort(try GuestMemory.fetch(LinearAddress(words[0]), initial: UInt32(0))) : nil
    vcpu.beginPolling(only)
    var isReady = vcpu.isWanted
    do {
      for index in 0..<count where !isReady {
        let port = try GuestMemory.fetch(LinearAddress(words[0]) + UInt64(index) &* 4, initial: UInt32(0))
        isReady = try Events.isPending(domain, port: EventPort(port))
      }
    } catch {
      vcpu.endPolling()
      throw error
    }
    let timeout = words[2]
    if isReady || (timeout != 0 && timeout <= Hypervisor.now) {
      vcpu.endPolling()
      return .success
    }
    vcpu.changeTimers { $0.pollTimeout = timeout == 0 ? nil : timeout }
    Scheduler.settle(vcpu)
    return .success
  }

  /// `SCHEDOP_remote_shutdown`: shuts another domain down (struct sched_remote_shutdown).
  private func remoteShutdown() throws(XenError) -> HypercallOutcome {
    let words = try GuestMemory.fetch(address(1), initial: UInt64(0))
    guard domain[].isPrivileged else { throw .notPermitted }
    guard let other = Hypervisor.domain(DomainID(UInt16(truncatingIfNeeded: words))) else { throw .noSuchDomain }
    let reason = UInt32(truncatingIfNeeded: words &>> 32)
    guard reason <= ShutdownReason.highest else { throw .invalid }
    other.shutDown(reason: reason)
    return .success
  }

  /// `SCHEDOP_watchdog`: sets or pokes one of two timers that end the domain when they run out (struct sched_watchdog).
  private func watchdog() throws(XenError) -> HypercallOutcome {
    let words = try GuestMemory.fetch(address(1), initial: UInt64(0))
    let id = UInt32(truncatingIfNeeded: words)
    let seconds = UInt32(truncatingIfNeeded: words &>> 32)
    let deadline = seconds == 0 ? UInt64.max : Hypervisor.now &+ UInt64(seconds) &* 1_000_000_000
    let result: UInt32? = domain[].life.withLock { life in
      if id == 0 {
        // A new one; nothing to do for a time of zero.
        guard seconds != 0 else { return nil }
        for index in 0..<2 where life.watchdogs[index] == UInt64.max {
          life.watchdogs[index] = deadline
          return UInt32(index) &+ 1
        }
        return UInt32.max
      }
      guard id <= 2, life.watchdogs[Int(id) &- 1] != UInt64.max else { return nil }
      life.watchdogs[Int(id) &- 1] = deadline
      return 0
    }
    guard let result else { throw .invalid }
    if result == UInt32.max { throw .noSpace }
    Watchdogs.update(domain)
    return .done(UInt64(result))
  }

  /// `SCHEDOP_pin_override`: ties the vCPU to one CPU for firmware calls of Domain 0, or ends that with -1.
  private func pinOverride() throws(XenError) -> HypercallOutcome {
    guard domain[].mayUseHardware else { throw .notPermitted }
    let cpu = try GuestMemory.fetch(address(1), initial: Int32(0))
    try Scheduler.override(vcpu, with: cpu < 0 ? nil : Int(cpu))
    return .success
  }
}
