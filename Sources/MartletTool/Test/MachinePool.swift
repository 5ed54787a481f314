// SPDX-License-Identifier: Apache-2.0
//
// Several QEMU runs side by side, in the order given, from one loop.

import Foundation

enum MachinePool {
  /// Runs all of them, at most `jobs` at a time, and hands over each outcome as it comes.
  static func run(_ machines: [MachineRun], jobs: Int, outcome: (TestOutcome) -> Void) {
    var waiting = machines[...]
    var running: [MachineRun] = []
    while !waiting.isEmpty || !running.isEmpty {
      while running.count < jobs, let next = waiting.popFirst() {
        do {
          try next.start()
          running.append(next)
        } catch { outcome(TestOutcome(name: next.name, failure: (error as? ToolError)?.message ?? "\(error)")) }
      }
      running.removeAll { machine in
        guard let result = machine.poll() else { return false }
        outcome(result)
        return true
      }
      Thread.sleep(forTimeInterval: 0.05)
    }
  }
}
