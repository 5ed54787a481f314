// SPDX-License-Identifier: Apache-2.0
//
// How slow this host is now, against the one on which the limits were chosen. The limits are about progress (Progress.swift);
// but how long a healthy machine may be silent depends on the CPU that emulates it.

import Foundation

enum HostSpeed {
  /// Seconds that the work below took there: two cores of 2.4 GHz, otherwise idle.
  static let usual = 0.1
  static let most = 50.0

  /// How many times as long as usual this host takes, now; at least 1. Wall time: a host that others keep busy, or that is
  /// itself an emulated one with little of a real one's time, is slow too.
  static let slowness: Double = {
    let times = (0..<3).map { _ in time() }.sorted()
    return slowness(of: times[1])
  }()

  /// The factor for a time that the work took.
  static func slowness(of seconds: Double) -> Double { min(most, max(1, seconds / usual)) }

  private static func time() -> Double {
    let start = DispatchTime.now().uptimeNanoseconds
    var word: UInt64 = 0x9e37_79b9_7f4a_7c15
    for _ in 0..<rounds {
      word ^= word << 13
      word ^= word >> 7
      word ^= word << 17
    }
    // Never so; but the compiler does not know.
    if word == 0 { Report.step("") }
    return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
  }

  private static let rounds = 1_000_000
}
