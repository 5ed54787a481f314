// SPDX-License-Identifier: Apache-2.0
//
// System time moves forward, at the pace of the TSC; the wall clock is set; the runstate adds up.

import CGuestKit
import GuestKit

/// time: vcpu_time_info is monotonic and scaled, wall clock plausible, runstate sums to system time.
func systemTime() -> Guest {
  Guest("time", "system time is monotonic, wall clock is set, runstate adds up") { () throws(Failure) in
    var last = Time.system()
    try require("system time is running", last > 0)
    for _ in 0..<20_000 {
      let now = Time.system()
      try require("system time never goes back", now >= last)
      last = now
    }
    let info = SharedInfo.vcpu(0) + 32
    try expect("version is even", Memory.load32(info) & 1, 0)
    try require("scale is set", Memory.load32(info + 24) != 0)
    // The wall clock at boot: after 2020, before 2100.
    let seconds =
      UInt64(Memory.load32(SharedInfo.wallClock + 4)) | UInt64(Memory.load32(SharedInfo.wallClock + 12)) << 32
    try require("wall clock after 2020", seconds > 1_577_836_800)
    try require("wall clock before 2100", seconds < 4_102_444_800)
    try require("nanoseconds below a second", Memory.load32(SharedInfo.wallClock + 8) < 1_000_000_000)

    // struct vcpu_runstate_info: state, entry time, four totals
    var state: InlineArray<6, UInt64> = InlineArray(repeating: 0)
    try expect("get_runstate_info", VCPU.operate(VCPUOP_get_runstate_info, 0, &state), 0)
    try expect("state is running", UInt32(truncatingIfNeeded: state[0]), UInt32(RUNSTATE_running))
    try require("entered before now", state[1] <= Time.system())
    let first = state[2]
    Time.spin(10_000_000)
    try expect("again", VCPU.operate(VCPUOP_get_runstate_info, 0, &state), 0)
    try require("running time grew by most of it", state[2] + state[3] >= first + 9_000_000)
    try require("of a vCPU that is not there", VCPU.operate(VCPUOP_get_runstate_info, 77, &state) < 0)
  }
}
