// SPDX-License-Identifier: Apache-2.0
// Locks: one at a time, in the order of their ranks.
import Foundation
import SimulatedMachine
import Testing

@testable import Machine

private struct Pair: ~Copyable {
  var one = Lock<UInt64>(.events, 0)
  var other = Lock<UInt64>(.events, 0)
}

@Suite struct LockTests {
  @Test func theStateIsTheHoldersAlone() {
    MachineTurn.take {
      precondition(Simulation.start(frames: 8))
      let record = Ref<Lock<UInt64>>.create(in: MachineFrame(1), Lock(.console, 0))
      DispatchQueue.concurrentPerform(iterations: 3) { thread in
        Simulation.becomeCPU(thread)
        for _ in 0..<2000 {
          record[].withLock { state in
            let seen = state
            state = seen + 1
          }
        }
        check(LockOrder.isClear)
      }
      for cpu in 1..<3 { CPUs.setOnline(cpu, false) }
      CPUs.setStarted(1)
      check(record[].withLock { $0 } == 6000)
    }
  }

  @Test func anErrorUnlocksToo() {
    struct Failure: Error {}
    MachineTurn.take {
      precondition(Simulation.start(frames: 8))
      var lock = Lock(.pageTables, 1)
      for _ in 0..<70_000 {
        #expect(throws: Failure.self) { try lock.withLock { _ throws(Failure) in throw Failure() } }
      }
      // Tickets are 16 bits wide, and have gone round by now.
      check(lock.withLock { $0 } == 1)
      check(LockOrder.isClear)
    }
  }

  @Test func ranksNest() {
    MachineTurn.take {
      precondition(Simulation.start(frames: 8))
      var outer = Lock(.domain, 0)
      var inner = Lock(.console, 0)
      outer.withLock { _ in
        inner.withLock { _ in
          #if DEBUG
            check(!LockOrder.isClear)
          #endif
        }
      }
      check(LockOrder.isClear)
    }
  }

  @Test func bothOfOneRank() {
    MachineTurn.take {
      precondition(Simulation.start(frames: 8))
      let a = Ref<Pair>.create(in: MachineFrame(1), Pair())
      let b = Ref<Pair>.create(in: MachineFrame(2), Pair())
      @Sendable func one(_ pair: Ref<Pair>) -> Ref<Lock<UInt64>> { pair.field { Ref.to(&$0.one) } }
      // The states come in the order in which they were asked for, whichever is locked first.
      Lock<UInt64>.withBoth(a, b, one) { first, second in (first, second) = (1, 2) }
      Lock<UInt64>.withBoth(b, a, one) { first, second in
        check(first == 2 && second == 1)
      }
      DispatchQueue.concurrentPerform(iterations: 2) { thread in
        Simulation.becomeCPU(thread)
        for _ in 0..<2000 {
          Lock<UInt64>.withBoth(thread == 0 ? a : b, thread == 0 ? b : a, one) { first, second in
            first += 1
            second += 1
          }
        }
      }
      CPUs.setOnline(1, false)
      CPUs.setStarted(1)
      check(a[].one.withLock { $0 } == 4001)
      check(b[].one.withLock { $0 } == 4002)
    }
  }

  #if DEBUG
    @Test func aLockOutOfOrderStopsTheMachine() async {
      await #expect(processExitsWith: .failure) {
        precondition(Simulation.start(frames: 8))
        var outer = Lock(.console, 0)
        var inner = Lock(.domain, 0)
        outer.withLock { _ in inner.withLock { _ in } }
      }
      await #expect(processExitsWith: .failure) {
        precondition(Simulation.start(frames: 8))
        var one = Lock(.domain, 0)
        var other = Lock(.domain, 0)
        one.withLock { _ in other.withLock { _ in } }
      }
    }
  #endif
}
