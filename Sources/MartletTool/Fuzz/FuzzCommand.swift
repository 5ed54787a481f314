// SPDX-License-Identifier: Apache-2.0
//
// `./martlet fuzz`: the hypercall interface under random calls, on this host, against a model.

import Foundation

enum FuzzCommand {
  static let table = OptionTable(
    verb: "fuzz",
    summary: """
      Feeds the hypervisor's hypercall code with random calls on this host and compares what happens
      with a model and with the named invariants. A failure prints the seed that replays it.
      """,
    options: [
      Option("--steps", "N", "how many calls (default 1000000)"),
      Option("--seed", "S", "where to start (default: the time of day)"),
    ])

  static func main(_ arguments: [String]) throws -> Int32 {
    guard let values = try table.parse(arguments) else { return 0 }
    let steps = try values.integer("--steps", 1_000_000, in: 1...Int.max)
    let seed = try values.integer("--seed", Int(Date().timeIntervalSince1970), in: 0...Int.max)
    return try run(steps: steps, seed: seed, output: .inherited)
  }

  /// Builds the fuzzer (release: it is about speed) and runs it; returns its exit status.
  static func run(steps: Int, seed: Int, output: ChildOutput) throws -> Int32 {
    try DebianPackages.ensure([.headers])
    let scratch = Places.root + "/.build"
    let swift = ["swift", "build", "-c", "release", "--product", "MartletFuzz", "--scratch-path", scratch]
    Report.step("building the fuzzer")
    try Shell.run(swift, folder: Places.root, advice: "the errors are above")
    Report.step("fuzzing: \(steps) steps from seed \(seed)")
    let fuzzer = scratch + "/release/MartletFuzz"
    return try ChildProcess([fuzzer, "--steps", "\(steps)", "--seed", "\(seed)"], output: output).wait()
  }
}
