// SPDX-License-Identifier: Apache-2.0
//
// BVT's second promise: who wakes with a claim is dispatched within a bound, and warp makes the bound small.
//
// The bound follows from the paper's rule that the current entity gives way once it is past the other's effective time by
// the context switch allowance C: a waker whose lead is below C has the least effective time of all who do not warp, so it
// waits at most C for the current entity, and for each other waker in the same state.

import Testing

@testable import Scheduling

struct LatencyTests {
  @Test("One light waker among hogs waits at most the allowance", arguments: [1, 2, 5, 20], [100, 1_000, 3_000])
  func lightWaker(hogs: Int, allowanceInMicroseconds: Int) {
    // Half the share that it may have, in bursts of a tenth of the allowance.
    let allowance = UInt64(allowanceInMicroseconds) * microsecond
    var machine = Simulation(parameters: SchedulingParameters(allowance: allowance))
    for _ in 0..<hogs { machine.add() }
    let burst = allowance / 10
    let waker = machine.add(Behaviour(burst: burst, rest: burst * UInt64(2 * hogs + 1)))
    machine.run(for: 100 * millisecond)
    machine.worstLatency[Int(waker.rawValue)] = 0
    machine.run(for: 400 * millisecond)
    #expect(machine.worstLatency[Int(waker.rawValue)] <= allowance)
  }

  @Test("Light wakers wait at most an allowance for each other and the current entity", arguments: 0..<10)
  func severalWakers(seed: UInt64) {
    var random = Randomness(seed: seed)
    var machine = Simulation()
    for _ in 0..<(1 + random.below(6)) { machine.add(weight: random.pick([64, 256, 1_000])) }
    var wakers: [EntityIndex] = []
    for _ in 0..<(1 + random.below(4)) {
      // Weight enough that a burst costs less virtual time than the others gain meanwhile.
      let rest = (5 + random.next() % 20) * millisecond + random.next() % 1_000
      wakers.append(machine.add(Behaviour(burst: 20 * microsecond, rest: rest), weight: random.pick([256, 512])))
    }
    machine.run(for: 100 * millisecond)
    for waker in wakers { machine.worstLatency[Int(waker.rawValue)] = 0 }
    machine.run(for: 1 * second)
    for waker in wakers {
      #expect(machine.worstLatency[Int(waker.rawValue)] <= UInt64(wakers.count) * millisecond)
    }
  }

  @Test("A waker that warps by at least the allowance runs at once")
  func warpedWaker() {
    var machine = Simulation()
    for _ in 0..<4 { machine.add() }
    let warped = machine.add(
      Behaviour(burst: 200 * microsecond, rest: 4_700 * microsecond), warp: WarpSettings(value: 2 * millisecond))
    let plain = machine.add(Behaviour(burst: 200 * microsecond, rest: 4_700 * microsecond))
    machine.run(for: 1 * second)
    #expect(machine.worstLatency[Int(warped.rawValue)] == 0)
    #expect(machine.worstLatency[Int(plain.rawValue)] > 0)
  }

  @Test("With no lead, the wait is bounded by the sum over all others of gap and quantum", arguments: 0..<10)
  func generalBound(seed: UInt64) {
    // Wakers that use as much as they can: their leads differ, and the only bound is the sum of everybody's turn.
    var random = Randomness(seed: seed + 100)
    var machine = Simulation()
    let count = 3 + random.below(8)
    for _ in 0..<count {
      machine.add(
        Behaviour(burst: 1 + random.next() % (12 * millisecond), rest: 1 + random.next() % (6 * millisecond)))
    }
    machine.run(for: 1 * second)
    // A waker's lead is at most a longest slice; before it each other one uses up its gap to it and a quantum more.
    let bound = UInt64(count) * 2 * machine.cpus[0].queue.parameters.maximumSlice
    for latency in machine.worstLatency { #expect(latency <= bound) }
  }
}
