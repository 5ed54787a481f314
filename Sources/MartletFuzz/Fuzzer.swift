// SPDX-License-Identifier: Apache-2.0
// The command. The steps run in a child process, because a trap in the code under test ends the process: the parent then runs
// the episode once more, with each step told before it is made, and so finds which one it was.
import Foundation

/// The fuzzer as a program.
enum Fuzzer {
  static let usage = """
    usage: MartletFuzz [--steps N] [--seed S] [--trace]
      --steps N  how many steps (default 1000000)
      --seed S   the first episode's seed (default 1); each further episode has the next one
      --trace    print every step
    """

  /// Prints a line at once.
  static func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

  static func main() {
    var steps = 1_000_000
    var seed: UInt64 = 1
    var isChild = false
    var isTraced = false
    var arguments = CommandLine.arguments.dropFirst().makeIterator()
    while let argument = arguments.next() {
      switch argument {
      case "--steps": steps = arguments.next().flatMap { Int($0) } ?? steps
      case "--seed": seed = arguments.next().flatMap { UInt64($0) } ?? seed
      case "--child": isChild = true
      case "--trace": isTraced = true
      default:
        say(usage)
        exit(argument == "--help" ? 0 : 2)
      }
    }
    if isChild { exit(run(steps: steps, seed: seed, isTraced: isTraced)) }
    exit(supervise(steps: steps, seed: seed, isTraced: isTraced))
  }

  /// Runs episodes until enough steps are done or something is found. Gives the exit status.
  static func run(steps: Int, seed: UInt64, isTraced: Bool) -> Int32 {
    let start = Date()
    var done = 0
    var next = seed
    var succeeded = 0
    var calls = 0
    var preemptions = 0
    while done < steps {
      let length = min(Episode.length, steps - done)
      // Read by the parent when this process does not come back.
      if !isTraced { say("@ \(next) \(length)") }
      let episode = Episode(seed: next, isTraced: isTraced)
      do {
        done += max(try episode.run(steps: length), 1)
        if isTraced { say("grant mappings at the end: \(episode.grantMappings)") }
        try episode.end()
      } catch {
        say("seed \(next), \(error)")
        say("replay: ./martlet fuzz --seed \(next) --steps \(length)")
        return 1
      }
      succeeded += episode.succeeded
      calls += episode.calls
      preemptions += episode.preemptions
      next &+= 1
    }
    let seconds = Date().timeIntervalSince(start)
    say(
      "\(done) steps from seed \(seed) found nothing: \(calls) calls, of which \(succeeded) succeeded, \(preemptions) preemptions; "
        + "\(Int(seconds)) s, \(Int(Double(done) / max(seconds, 0.001))) steps/s")
    return 0
  }

  /// Runs the steps in a child process and tells what became of it.
  static func supervise(steps: Int, seed: UInt64, isTraced: Bool) -> Int32 {
    say("fuzzing \(steps) steps from seed \(seed)")
    var last: (seed: UInt64, length: Int)? = nil
    let status = child(["--steps", "\(steps)", "--seed", "\(seed)"] + (isTraced ? ["--trace"] : [])) { line in
      guard line.hasPrefix("@ ") else { return say(line) }
      let words = line.split(separator: " ")
      if words.count == 3, let seed = UInt64(words[1]), let length = Int(words[2]) { last = (seed, length) }
    }
    guard status > 1 else { return status }
    guard let last else { return 1 }
    say(
      "seed \(last.seed): the hypervisor's code "
        + (status == SIGTERM ? "does not come back" : "trapped (signal \(status))"))
    var told = ""
    _ = child(["--steps", "\(last.length)", "--seed", "\(last.seed)", "--trace"]) { told = $0 }
    say("the last step that came to its end: \(told)")
    say("replay: ./martlet fuzz --seed \(last.seed) --steps \(last.length)")
    return 1
  }

  /// Seconds without a sign of life after which the child is ended.
  private static let patience = 30.0

  /// Runs this program as a child; gives its status, or the number of the signal that ended it.
  private static func child(_ arguments: [String], _ line: (String) -> Void) -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["--child"] + arguments
    let pipe = Pipe()
    // An episode takes well under a second: one that does not end has found an endless loop.
    let watchdog = DispatchSource.makeTimerSource()
    watchdog.setEventHandler { process.terminate() }
    defer { watchdog.cancel() }
    watchdog.schedule(deadline: .now() + patience)
    watchdog.resume()
    process.standardOutput = pipe
    do { try process.run() } catch {
      say("cannot start the child process: \(error)")
      return 1
    }
    var rest = Data()
    while true {
      let more = pipe.fileHandleForReading.availableData
      if more.isEmpty { break }
      watchdog.schedule(deadline: .now() + patience)
      rest.append(more)
      while let end = rest.firstIndex(of: 10) {
        line(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
        rest = Data(rest[rest.index(after: end)...])
      }
    }
    process.waitUntilExit()
    return process.terminationStatus
  }
}
