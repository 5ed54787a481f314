// SPDX-License-Identifier: Apache-2.0
//
// System time from vcpu_time_info (xen.h), and the calls that set timers.

import CGuestKit

/// Domain time.
public enum Time {
  /// Nanoseconds of system time on `vcpu`, extrapolated with the TSC as the ABI says.
  public static func system(vcpu: UInt64 = 0) -> UInt64 {
    let info = SharedInfo.vcpu(vcpu) + 32
    while true {
      let version = Memory.load32(info)
      gk_barrier()
      let stamp = Memory.load64(info + 8)
      let base = Memory.load64(info + 16)
      let scale = Memory.load32(info + 24)
      let shift = Int8(bitPattern: Memory.load8(info + 28))
      let delta = gk_rdtsc() &- stamp
      gk_barrier()
      if version & 1 == 0 && version == Memory.load32(info) {
        let shifted = shift >= 0 ? delta << UInt64(shift) : delta >> UInt64(-Int64(shift))
        let product = shifted.multipliedFullWidth(by: UInt64(scale))
        return base &+ (product.high << 32 | product.low >> 32)
      }
    }
  }

  /// Spins for `nanoseconds`.
  public static func spin(_ nanoseconds: UInt64) {
    let end = system() &+ nanoseconds
    while system() < end { gk_pause() }
  }
}

/// Timers of a vCPU; they fire as VIRQ_TIMER.
public enum Timer {
  /// set_timer_op: absolute system time, 0 stops.
  public static func set(_ time: UInt64) -> Int { hypercall(__HYPERVISOR_set_timer_op, time) }

  /// VCPUOP_set_singleshot_timer.
  public static func singleShot(_ time: UInt64, flags: UInt32 = 0) -> Int {
    var request = vcpu_set_singleshot_timer(timeout_abs_ns: time, flags: flags)
    return VCPU.operate(VCPUOP_set_singleshot_timer, 0, &request)
  }

  /// VCPUOP_set_periodic_timer.
  public static func periodic(_ period: UInt64) -> Int {
    var request = vcpu_set_periodic_timer(period_ns: period)
    return VCPU.operate(VCPUOP_set_periodic_timer, 0, &request)
  }
}
