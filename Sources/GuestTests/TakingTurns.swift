// SPDX-License-Identifier: Apache-2.0
//
// Two vCPUs that take turns on one CPU, for guests that ask whether each keeps what is its own.

import CGuestKit
import GuestKit

private var isReady = false
private var rounds: UInt64 = 0
private var mayEnd = false

/// Has vCPU 1 run `otherBegins` and then `other` at each of its turns; once it has begun, this one runs `begin`, and `mine` at each
/// of its own for 100 ms. Then vCPU 1 goes down. Once for each guest.
func takeTurns(
  otherBegins: @escaping () -> Void, other: @escaping () -> Void = {}, begin: () throws(Failure) -> Void = {},
  mine: () throws(Failure) -> Void
) throws(Failure) {
  try expect(
    "initialise",
    VCPU.initialise(1) { _ in
      otherBegins()
      isReady = true
      while !mayEnd {
        hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
        other()
        rounds += 1
      }
    }, 0)
  try expect("up", VCPU.operate(VCPUOP_up, 1), 0)
  try require(
    "it runs",
    VCPU.wait {
      gk_barrier()
      return isReady
    })
  try begin()
  let end = Time.system() + 100_000_000
  while Time.system() < end {
    hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
    try mine()
  }
  gk_barrier()
  try require("the other one ran too", rounds > 5)
  mayEnd = true
  try require("it goes down", VCPU.wait { VCPU.operate(VCPUOP_is_up, 1) == 0 })
}
