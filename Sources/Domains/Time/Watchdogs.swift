// SPDX-License-Identifier: Apache-2.0
// A domain's watchdogs: two timers that end it when it does not poke them in time. They are kept with the timers of vCPU 0.
import Machine
import XenABI

/// The watchdogs of domains.
public enum Watchdogs {
  /// Has the timer follow the watchdogs as they are now.
  public static func update(_ domain: Ref<Domain>) {
    guard let vcpu = domain[].vcpu(index: 0) else { return }
    let first = domain[].life.withLock { min($0.watchdogs[0], $0.watchdogs[1]) }
    vcpu.changeTimers { $0.watchdog = first }
  }

  /// Ends the domain if one of its watchdogs has run out.
  static func check(_ domain: Ref<Domain>, now: UInt64) {
    let isOut = domain[].life.withLock { life in
      for index in 0..<2 where life.watchdogs[index] <= now {
        life.watchdogs[index] = UInt64.max
        return true
      }
      return false
    }
    if isOut { domain.shutDown(reason: ShutdownReason.watchdog) }
  }
}
