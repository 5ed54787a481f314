// SPDX-License-Identifier: Apache-2.0
//
// Each vCPU's vector and x87 registers are its own.

import CGuestKit
import GuestKit

private var switches: UInt64 = 0

/// smp-fpu-taskswitch: a vCPU that has TS set all the time is switched away from, and to, like any other.
func taskSwitchedElsewhere() -> Guest {
  Guest("smp-fpu-taskswitch", "a vCPU with TS set is switched like any other (needs 2 vCPUs)") { () throws(Failure) in
    try expect(
      "initialise",
      VCPU.initialise(1) { _ in
        hypercall(__HYPERVISOR_fpu_taskswitch, 1)
        while !mayEnd {
          hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
          switches += 1
        }
      }, 0)
    try expect("up", VCPU.operate(VCPUOP_up, 1), 0)
    gk_set_vector0(0x1111_1111)
    let end = Time.system() + 100_000_000
    while Time.system() < end {
      hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
      try expect("vCPU 0's register", gk_get_vector0(), 0x1111_1111)
    }
    gk_barrier()
    try require("the other one ran too", switches > 5)
    mayEnd = true
    try require("it goes down", VCPU.wait { VCPU.operate(VCPUOP_is_up, 1) == 0 })
  }
}

private var started = false
private var mixed = false
private var rounds: UInt64 = 0
private var mayEnd = false

/// smp-fpu: two vCPUs hold different values across many switches.
func vectorState() -> Guest {
  Guest("smp-fpu", "vector registers survive switches between vCPUs (needs 2 vCPUs)") { () throws(Failure) in
    try expect(
      "initialise",
      VCPU.initialise(1) { _ in
        gk_set_vector0(0x2222_2222)
        started = true
        while !mayEnd {
          hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
          if gk_get_vector0() != 0x2222_2222 { mixed = true }
          rounds += 1
        }
      }, 0)
    try expect("up", VCPU.operate(VCPUOP_up, 1), 0)
    try require(
      "it runs",
      VCPU.wait {
        gk_barrier()
        return started
      })
    gk_set_vector0(0x1111_1111)
    let end = Time.system() + 100_000_000
    while Time.system() < end {
      hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
      try expect("vCPU 0's register", gk_get_vector0(), 0x1111_1111)
    }
    gk_barrier()
    try require("the other one ran too", rounds > 5)
    try require("vCPU 1's register", !mixed)
    mayEnd = true
    try require("it goes down", VCPU.wait { VCPU.operate(VCPUOP_is_up, 1) == 0 })
  }
}
