// SPDX-License-Identifier: Apache-2.0
//
// How long a process with its children has computed, and how long it could have but for others on the same CPUs: Linux'
// own account, thread by thread, in /proc/PID/task/TID/schedstat (nanoseconds on a CPU, nanoseconds in its queue).

import Foundation

struct ProcessTimes {
  private let root: pid_t
  private let withChildren: Bool
  private var threads: [String: (computed: Double, waited: Double)] = [:]
  private var at = DispatchTime.now().uptimeNanoseconds

  init(of process: pid_t, withChildren: Bool = false) {
    root = process
    self.withChildren = withChildren
    _ = sinceLast()
  }

  /// Seconds since it was last asked: of the wall's clock, of waiting (the longest of its threads', for one that waits holds
  /// up the others), and of computing (all threads').
  mutating func sinceLast() -> (wall: Double, waiting: Double, computing: Double) {
    let now = DispatchTime.now().uptimeNanoseconds
    let wall = Double(now - at) / 1e9
    at = now
    let read = Self.read(withChildren ? Self.family(of: root) : [root])
    var (waiting, computing) = (0.0, 0.0)
    for (thread, times) in read {
      let before = threads[thread] ?? (0, 0)
      computing += times.computed - before.computed
      waiting = max(waiting, times.waited - before.waited)
    }
    threads = read
    return (wall, min(wall, waiting), computing)
  }

  private static func read(_ processes: [pid_t]) -> [String: (computed: Double, waited: Double)] {
    var result: [String: (computed: Double, waited: Double)] = [:]
    for process in processes {
      let folder = "/proc/\(process)/task"
      for thread in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
        let words = text(folder + "/\(thread)/schedstat").split(separator: " ")
        guard words.count >= 2, let computed = Double(words[0]), let waited = Double(words[1]) else { continue }
        result[thread] = (computed / 1e9, waited / 1e9)
      }
    }
    return result
  }

  /// A process and all that it and its children have started.
  static func family(of root: pid_t) -> [pid_t] {
    var parents: [pid_t: pid_t] = [:]
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
      guard let process = pid_t(name) else { continue }
      // The name, in parentheses, may have anything in it.
      let words = text("/proc/\(name)/stat").split(separator: ")").last?.split(separator: " ") ?? []
      if words.count > 1, let parent = pid_t(words[1]) { parents[process] = parent }
    }
    var family = [root]
    var next = 0
    while next < family.count {
      family += parents.filter { $0.value == family[next] }.keys
      next += 1
    }
    return family
  }

  private static func text(_ path: String) -> String {
    // /proc tells no sizes, by which Foundation goes.
    guard let file = FileHandle(forReadingAtPath: path) else { return "" }
    defer { try? file.close() }
    return String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
  }
}
