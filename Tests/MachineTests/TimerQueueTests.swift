// SPDX-License-Identifier: Apache-2.0
// A CPU's timer queue against a dictionary.
import SimulatedMachine
import Testing

@testable import Domains
@testable import Machine
@testable import MartletFuzz

@Suite struct TimerQueueTests {
  @Test(arguments: 1...5 as ClosedRange<UInt64>) func againstADictionary(seed: UInt64) {
    MachineTurn.take {
      var random = MartletFuzz.Random(seed: seed)
      _ = FuzzMachine(time: 0)
      let domain = FuzzMachine.makeDomain(1, vcpus: 24, isPrivileged: false)
      let vcpus = (0..<24).map { domain[].vcpu(index: $0)! }
      let frames = [ledger[].allocateOwn()!, ledger[].allocateOwn()!]
      var queue = TimerQueue(directory: frames[0], first: frames[1])
      var model: [Int: UInt64] = [:]
      for _ in 0..<4000 {
        let index = random.below(24)
        switch random.below(4) {
        case 0:
          queue.set(vcpus[index], deadline: UInt64.max)
          model[index] = nil
        case 1, 2:
          let deadline = UInt64(random.below(50))
          queue.set(vcpus[index], deadline: deadline)
          model[index] = deadline
        default:
          let now = UInt64(random.below(50))
          let due = queue.takeDue(now: now)
          let first = model.values.min()
          if let due {
            let taken = vcpus.firstIndex(of: due)!
            check(model[taken] == first)
            check(model[taken]! <= now)
            model[taken] = nil
          } else {
            check(first == nil || first! > now)
          }
        }
        check(queue.first == model.values.min() ?? UInt64.max)
        check(queue.count == model.count)
        for (index, vcpu) in vcpus.enumerated() { check((vcpu[].timerPlace >= 0) == (model[index] != nil)) }
      }
    }
  }

  @Test func aFullQueueRefuses() {
    MachineTurn.take {
      _ = FuzzMachine(time: 0)
      let domain = FuzzMachine.makeDomain(1, vcpus: 1, isPrivileged: false)
      let vcpu = domain[].vcpu(index: 0)!
      let frames = [ledger[].allocateOwn()!, ledger[].allocateOwn()!]
      var queue = TimerQueue(directory: frames[0], first: frames[1])
      let capacity = queue.capacity
      check(capacity >= 128)
      queue.count = capacity
      queue.set(vcpu, deadline: 1)
      check(vcpu[].timerPlace == -1)
    }
  }
}
