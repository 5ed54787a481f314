// SPDX-License-Identifier: Apache-2.0
// The one-shot timer of the calling vCPU.
import Domains
import Machine
import XenABI

extension Hypercall {
  /// `set_timer_op`: when to raise VIRQ_TIMER, in system time; zero for never.
  func setTimerOp() throws(XenError) -> HypercallOutcome {
    let time = arguments[0]
    vcpu.changeTimers { $0.oneShot = time == 0 ? nil : time }
    return .success
  }
}
