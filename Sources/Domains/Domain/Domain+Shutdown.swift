// SPDX-License-Identifier: Apache-2.0
// The end of a domain, by its own wish, by the hypervisor's judgement, or by another's order.
import Machine
import XenABI

/// Why a domain has shut down (SHUTDOWN_* in xen/sched.h).
public enum ShutdownReason {
  /// SHUTDOWN_poweroff.
  public static let powerOff: UInt32 = 0
  /// SHUTDOWN_reboot.
  public static let reboot: UInt32 = 1
  /// SHUTDOWN_suspend.
  public static let suspend: UInt32 = 2
  /// SHUTDOWN_crash.
  public static let crash: UInt32 = 3
  /// SHUTDOWN_watchdog.
  public static let watchdog: UInt32 = 4
  /// SHUTDOWN_soft_reset.
  public static let softReset: UInt32 = 5
  /// The highest reason there is.
  public static let highest: UInt32 = 5
}

extension Ref where T == Domain {
  /// The domain has done what no guest may do, or cannot be helped: it shuts down with reason "crash", and only it.
  public func crash(_ why: StaticString) {
    Log.write(.error) {
      $0.put("domain ")
      $0.put(decimal: UInt64(self[].id.raw))
      $0.put(" crashed: ")
      $0.put(why)
    }
    if Ref<PhysicalCPU>.current[].vcpu?[].domain == self, GuestDeaths.mayTell() { GuestDump.current() }
    shutDown(reason: ShutdownReason.crash)
  }

  /// Shuts the domain down: none of its vCPUs runs any more. Domain 0's end is the machine's.
  public func shutDown(reason: UInt32) {
    let isFirst = self[].life.withLock { life in
      if life.shutdownReason != nil { return false }
      life.shutdownReason = reason
      return true
    }
    guard isFirst else { return }
    endConsoleLine()
    if self[].id.raw == 0 { MachineEnd.domain0ShutDown(reason: reason) }
    holdAll(VCPUHold.shutDown)
    if self[].id.raw != 0 { MachineInterrupts.raise(VirtualInterrupt.domainException) }
  }

  /// Keeps all vCPUs from running until the hold is lifted.
  public func holdAll(_ hold: UInt64) {
    for index in 0..<self[].maximumVCPUs {
      guard let vcpu = self[].vcpu(index: index) else { continue }
      vcpu[].holds.fetchOr(hold)
      Scheduler.settle(vcpu)
    }
  }
}
