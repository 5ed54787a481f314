// SPDX-License-Identifier: Apache-2.0
//
// vcpu_op, and starting further vCPUs on GuestKit's stacks.

import CGuestKit

private var secondaryBody: ((UInt64) -> Void)? = nil

/// Virtual processors.
public enum VCPU {
  /// VCPUOP_* with an argument structure of vcpu.h.
  public static func operate<Argument>(_ command: Int32, _ vcpu: UInt64, _ argument: inout Argument) -> Int {
    withAddress(of: &argument) { address in
      hypercall(__HYPERVISOR_vcpu_op, UInt64(command), vcpu, address)
    }
  }
  /// VCPUOP_* without an argument.
  public static func operate(_ command: Int32, _ vcpu: UInt64) -> Int {
    hypercall(__HYPERVISOR_vcpu_op, UInt64(command), vcpu, 0)
  }

  /// VCPUOP_initialise with GuestKit's entries and this address space.
  public static func initialise(_ vcpu: UInt64, running body: @escaping (UInt64) -> Void) -> Int {
    let context = Pages.take(2)
    let stack = gk_address_stacks() + vcpu * UInt64(GK_STACK_BYTES)
    let top = stack + UInt64(GK_STACK_BYTES) - 8
    gk_fill_context(
      context,
      gk_start(
        rip: gk_address_secondary_entry(), rsp: top + 8, rdi: vcpu,
        cr3: Frames.machine(StartInfo.pageTableBase) << 12, trap_stack: stack + UInt64(GK_STACK_BYTES) / 2))
    let result = hypercall(__HYPERVISOR_vcpu_op, UInt64(VCPUOP_initialise), vcpu, context)
    if result == 0 { secondaryBody = body }
    return result
  }

  /// Waits until `condition` holds; false after `limit` nanoseconds.
  public static func wait(limit: UInt64 = 2_000_000_000, _ condition: () -> Bool) -> Bool {
    let deadline = Time.system() &+ limit
    while !condition() {
      if Time.system() > deadline { return false }
      hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
    }
    return true
  }
}

/// First Swift code of a further vCPU; takes it down when its body returns.
@c(gk_secondary) public func startSecondary(_ vcpu: UInt64) {
  if let body = secondaryBody { body(vcpu) }
  while true { hypercall(__HYPERVISOR_vcpu_op, UInt64(VCPUOP_down), vcpu, 0) }
}
