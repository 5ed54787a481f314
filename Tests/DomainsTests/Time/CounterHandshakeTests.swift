// SPDX-License-Identifier: Apache-2.0
// Two CPUs compare their counters (handshake "counter" of docs/invariants.md). This host's threads have one counter.
import Foundation
import SimulatedMachine
import Testing

@testable import Domains
@testable import Machine

@Suite struct CounterHandshakeTests {
  @Test func `both sides come to an end, and one counter is found to be one`() {
    SimulatedMachine.run { world in
      for round in 0..<20 {
        Ref<Hypervisor>.shared[].counterHandshake.prepare()
        let done = DispatchSemaphore(value: 0)
        let seen = Box()
        Thread.detachNewThread {
          if round % 3 == 0 { Thread.sleep(forTimeInterval: 0.002) }
          Ref<Hypervisor>.shared[].counterHandshake.answer()
          seen.value = seen.told
          done.signal()
        }
        let start = Date()
        let difference = Ref<Hypervisor>.shared[].counterHandshake.ask { rounds in
          Date().timeIntervalSince(start) > (rounds == 0 ? 20 : 0.5)
        }
        seen.told = round + 1
        Ref<Hypervisor>.shared[].counterHandshake.finish()
        done.wait()
        #expect(difference.rounds > 0 && difference.mayBeNone)
        // What was written before the end is seen after it.
        #expect(seen.value == round + 1)
      }
    }
  }

  @Test func `one that is given up finds its way when it comes after all`() {
    SimulatedMachine.run { world in
      Ref<Hypervisor>.shared[].counterHandshake.prepare()
      var asked = 0
      let difference = Ref<Hypervisor>.shared[].counterHandshake.ask { _ in
        asked += 1
        return asked > 1000
      }
      Ref<Hypervisor>.shared[].counterHandshake.finish()
      #expect(difference.rounds == 0 && !difference.mayBeNone)
      Ref<Hypervisor>.shared[].counterHandshake.answer()
    }
  }
}

private final class Box: @unchecked Sendable {
  var told = 0
  var value = 0
}
