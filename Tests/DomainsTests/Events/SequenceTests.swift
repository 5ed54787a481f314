// SPDX-License-Identifier: Apache-2.0
// Every short sequence of operations over a small universe, and long random ones, against the model.
import SimulatedMachine
import Testing

@Suite struct SequenceTests {
  /// Every kind of operation, on ports 1 and 2 of two domains.
  static let universe: [Step] = [
    .allocate(0, remote: 1), .allocate(1, remote: 0), .allocate(0, remote: 0), .connect(1, to: 0, port: 1),
    .connect(0, to: 0, port: 1), .virq(0, 0, vcpu: 1), .raise(0, virq: 0, vcpu: 1), .ipi(0, vcpu: 1),
    .close(0, 1), .close(1, 1), .send(0, 1), .send(1, 1), .send(0, 2), .vcpu(0, 1, vcpu: 1), .mask(0, 1), .unmask(0, 1),
    .consume(0, vcpu: 0, turns: 8), .poll(0, vcpu: 1, ports: [1]), .reset(0),
  ]

  static func exhaust(length: Int, isFIFO: Bool, prefix: [Step]) -> (count: Int, failure: String?) {
    SimulatedMachine.run { world in
      let pair = Pair(world, ports: 3)
      var indices = Array(repeating: 0, count: length)
      var count = 0
      while true {
        pair.clear(isFIFO: isFIFO)
        let steps = prefix + indices.map { universe[$0] }
        for step in steps { pair.run(step) }
        pair.compare()
        count += 1
        if let text = pair.disagreement { return (count, "\(text) after \(steps)") }
        var place = 0
        while place < length && indices[place] == universe.count - 1 {
          indices[place] = 0
          place += 1
        }
        if place == length { return (count, nil) }
        indices[place] += 1
      }
    }
  }

  @Test(arguments: [false, true]) func everyShortSequence(isFIFO: Bool) {
    let length = isFIFO ? 2 : 3
    let (count, failure) = Self.exhaust(length: length, isFIFO: isFIFO, prefix: [])
    #expect(failure == nil)
    #expect(count == (isFIFO ? 361 : 6859))
  }

  @Test(arguments: [false, true]) func everyShortSequenceOfConnectedDomains(isFIFO: Bool) {
    let length = isFIFO ? 3 : 2
    let (count, failure) = Self.exhaust(
      length: length, isFIFO: isFIFO, prefix: [.allocate(0, remote: 1), .connect(1, to: 0, port: 1)])
    #expect(failure == nil)
    #expect(count == (isFIFO ? 6859 : 361))
  }

  static func randomStep(_ random: inout SeededGenerator, ports: Int, vcpus: Int) -> Step {
    let d = Int.random(in: 0...1, using: &random)
    let other = Int.random(in: 0...1, using: &random)
    let port = Int.random(in: 1...ports, using: &random)
    let vcpu = Int.random(in: 0..<vcpus, using: &random)
    let virq = [0, 1, 2, 3][Int.random(in: 0...3, using: &random)]
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<8: return .allocate(d, remote: other)
    case 8..<18: return .connect(d, to: other, port: port)
    case 18..<22: return .virq(d, virq, vcpu: Int.random(in: 0...vcpus, using: &random))
    case 22..<25: return .ipi(d, vcpu: Int.random(in: 0...vcpus, using: &random))
    case 25..<31: return .close(d, Int.random(in: 0...ports + 2, using: &random))
    case 31..<60: return .send(d, Int.random(in: 0...ports + 2, using: &random))
    case 60..<66: return .vcpu(d, port, vcpu: Int.random(in: 0...vcpus, using: &random))
    case 66..<70: return .priority(d, port, Int.random(in: 0...16, using: &random))
    case 70..<75: return .mask(d, port)
    case 75..<81: return .unmask(d, port)
    case 81..<88: return .raise(d, virq: virq, vcpu: [0, 1].contains(virq) ? vcpu : 0)
    case 88..<97: return .consume(d, vcpu: vcpu, turns: Int.random(in: 1...4, using: &random))
    default: return .poll(d, vcpu: vcpu, ports: Bool.random(using: &random) ? [port] : [1, 2])
    }
  }

  @Test(arguments: [false, true], [1, 2, 3]) func longRandomSequences(isFIFO: Bool, seed: Int) {
    SimulatedMachine.run { world in
      let pair = Pair(world, vcpus: 3, ports: 12, isFIFO: isFIFO)
      var random = SeededGenerator(seed: UInt64(seed))
      for index in 0..<5000 {
        let step = Self.randomStep(&random, ports: 12, vcpus: 3)
        pair.run(step)
        if index % 8 == 0 { pair.compare() }
        if let text = pair.disagreement {
          Issue.record("seed \(seed), step \(index), \(step): \(text)")
          return
        }
      }
    }
  }
}
