// SPDX-License-Identifier: Apache-2.0
//
// The boot to Domain 0's shell, in wall time: both hypervisors in turn on the same QEMU line, so that a machine that gets
// slower or faster does so for both.

import Foundation

/// Medians over the rounds, in seconds.
struct BootTime: Codable {
  /// From QEMU's start to the shell.
  let shell: Double
  /// From the kernel's start to the shell, by Domain 0's clock.
  let kernel: Double
  /// From QEMU's start to its end.
  let whole: Double
  /// All rounds of `shell`, in order.
  let rounds: [Double]
}

struct BootTimes: Codable {
  let ours: BootTime
  let xen: BootTime

  static func measure(_ subjects: BenchSubjects, rounds: Int) throws -> BootTimes {
    var ours: [TimedBoot] = []
    var xen: [TimedBoot] = []
    for round in 1...rounds {
      Report.step("boot time, round \(round) of \(rounds)")
      let first = subjects.line(hypervisor: subjects.ours, options: "", scenario: "boot")
      ours.append(try TimedBoot.run(first, name: "bench-boot-ours"))
      let second = subjects.line(hypervisor: subjects.xen, options: "", scenario: "boot")
      xen.append(try TimedBoot.run(second, name: "bench-boot-xen"))
    }
    return BootTimes(ours: medians(ours), xen: medians(xen))
  }

  private static func medians(_ runs: [TimedBoot]) -> BootTime {
    BootTime(
      shell: median(runs.map(\.shell)), kernel: median(runs.map(\.kernel)), whole: median(runs.map(\.whole)),
      rounds: runs.map(\.shell))
  }

  /// The middle value, or the mean of the two in the middle. The list must not be empty.
  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
