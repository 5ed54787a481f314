// SPDX-License-Identifier: Apache-2.0
// Non-maskable interrupts: from hardware they are Domain 0's to judge.
import Machine
import XenABI

/// The NMI entry's safe body. It may have interrupted anything, so it takes no lock and prints nothing.
public enum NMIDispatch {
  /// Handles one.
  public static func handle(_ frame: Ref<TrapFrame>) {
    guard Ref<Hypervisor>.isPublished, let domain = Hypervisor.domain(DomainID(0)), let vcpu = domain[].vcpu(index: 0) else { return }
    vcpu[].pending.fetchOr(VCPUPending.nmi)
  }
}
