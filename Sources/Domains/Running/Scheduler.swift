// SPDX-License-Identifier: Apache-2.0
// Who runs where, and when that changes.
import Machine
import XenABI

/// The scheduler, as the rest of the hypervisor sees it.
public enum Scheduler {
  /// A vCPU that was blocked has become able to run (the caller has cleared its hold). Puts it on a run queue.
  public static func wake(_ vcpu: Ref<VCPU>) {}

  /// The running vCPU gives up the rest of its turn or has been held back: choose again before returning to a guest.
  public static func reschedule() {
    Ref<PhysicalCPU>.current[].work.fetchOr(CPUWork.schedule)
  }
}
