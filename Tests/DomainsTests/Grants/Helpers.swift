// SPDX-License-Identifier: Apache-2.0
// What these tests count and look at of the simulated machine.
import Frames
import Machine

@testable import Domains

/// How often this thread's CPU has flushed all translations.
var flushes: UInt64 { Simulation.flushes }

extension Guest {
  /// The physical address of the table of the arguments' and data pages.
  func lowEntry(_ index: Int) -> UInt64 {
    GuestTables.level1Entry(vcpu, LinearAddress(Guest.data))!.table.physical
  }
}
