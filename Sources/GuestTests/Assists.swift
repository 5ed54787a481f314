// SPDX-License-Identifier: Apache-2.0
//
// vm_assist: known types can be switched, unknown ones are refused.

import CGuestKit
import GuestKit

/// vm-assist: enable and disable.
func assists() -> Guest {
  Guest("vm-assist", "vm_assist switches known types and refuses the rest") { () throws(Failure) in
    for type in [
      VMASST_TYPE_4gb_segments, VMASST_TYPE_4gb_segments_notify, VMASST_TYPE_writable_pagetables,
      VMASST_TYPE_pae_extended_cr3, VMASST_TYPE_architectural_iopl, VMASST_TYPE_runstate_update_flag,
      VMASST_TYPE_m2p_strict,
    ] {
      try expect("enable", hypercall(__HYPERVISOR_vm_assist, UInt64(VMASST_CMD_enable), UInt64(type)), 0)
      try expect("disable", hypercall(__HYPERVISOR_vm_assist, UInt64(VMASST_CMD_disable), UInt64(type)), 0)
    }
    try expect("type 31", hypercall(__HYPERVISOR_vm_assist, UInt64(VMASST_CMD_enable), 31), ErrorCode.invalid)
    try expect("type 64", hypercall(__HYPERVISOR_vm_assist, UInt64(VMASST_CMD_enable), 64), ErrorCode.invalid)
    try expect("unknown command", hypercall(__HYPERVISOR_vm_assist, 9, 2), ErrorCode.noSystemCall)
  }
}
