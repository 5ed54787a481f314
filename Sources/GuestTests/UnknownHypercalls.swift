// SPDX-License-Identifier: Apache-2.0
//
// Numbers and commands that mean nothing to a PV guest.

import CGuestKit
import GuestKit

/// unknown-hypercall: unused numbers, huge numbers, calls for other guest types and builds.
func unknownHypercalls() -> Guest {
  Guest("unknown-hypercall", "unknown hypercalls return ENOSYS and leave the guest running") { () throws(Failure) in
    for number: Int32 in [11, 38, 43, 47, 50, 55, 56, 63] {
      try expect("unused number", hypercall(number, 1, 2, 3, 4, 5), ErrorCode.noSystemCall)
    }
    for number: UInt64 in [64, 127, 128, 0xffff_ffff, 0x1_0000_0011, 1 << 63, ~0] {
      let raw = Int(gk_hypercall_raw(number, 0, 0, 0))
      try expect("number beyond the table", raw, ErrorCode.noSystemCall)
    }
    let argument = Request()
    for number in [
      __HYPERVISOR_memory_op, __HYPERVISOR_vcpu_op, __HYPERVISOR_physdev_op, __HYPERVISOR_grant_table_op,
      __HYPERVISOR_callback_op, __HYPERVISOR_nmi_op, __HYPERVISOR_platform_op, __HYPERVISOR_vm_assist,
      __HYPERVISOR_hvm_op, __HYPERVISOR_sysctl, __HYPERVISOR_domctl, __HYPERVISOR_xsm_op,
    ] {
      let result = hypercall(number, 0x7fff, argument.address)
      Console.put("  hypercall ")
      Console.put(decimal: Int64(number))
      note(" command 0x7fff", result)
      try require("an unknown command is refused", result < 0)
    }
  }
}
