// SPDX-License-Identifier: Apache-2.0
//
// Each vCPU's vector and x87 registers are its own.

import CGuestKit
import GuestKit

private var mixed = false

/// smp-fpu: two vCPUs hold different values across many switches.
func vectorState() -> Guest {
  Guest("smp-fpu", "vector registers survive switches between vCPUs (needs 2 vCPUs)") { () throws(Failure) in
    try takeTurns(
      otherBegins: { gk_set_vector0(0x2222_2222) },
      other: { if gk_get_vector0() != 0x2222_2222 { mixed = true } },
      begin: { gk_set_vector0(0x1111_1111) },
      mine: { () throws(Failure) in try expect("vCPU 0's register", gk_get_vector0(), 0x1111_1111) })
    try require("vCPU 1's register", !mixed)
  }
}

/// smp-fpu-taskswitch: a vCPU that has TS set all the time is switched away from, and to, like any other.
func taskSwitchedElsewhere() -> Guest {
  Guest("smp-fpu-taskswitch", "a vCPU with TS set is switched like any other (needs 2 vCPUs)") { () throws(Failure) in
    try takeTurns(
      otherBegins: { hypercall(__HYPERVISOR_fpu_taskswitch, 1) },
      begin: { gk_set_vector0(0x1111_1111) },
      mine: { () throws(Failure) in try expect("vCPU 0's register", gk_get_vector0(), 0x1111_1111) })
  }
}
