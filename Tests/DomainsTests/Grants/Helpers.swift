// SPDX-License-Identifier: Apache-2.0
// What these tests count and look at of the simulated machine.
import CMachine
import Frames
import Machine

@testable import Domains

/// How often this thread's CPU has flushed all translations.
var flushes: UInt64 { martlet_simulated.flushes }

extension Guest {
  /// The physical address of the table of the arguments' and data pages.
  func lowEntry(_ index: Int) -> UInt64 {
    GuestTables.level1Entry(vcpu, LinearAddress(Guest.data))!.table.physical
  }
}

/// A generator of random numbers that gives the same ones for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
