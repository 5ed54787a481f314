// SPDX-License-Identifier: Apache-2.0
//
// The rate that the time-stamp counter is found to have, boot after boot, while busy loops take the CPUs away: of Martlet, and of
// Debian's Xen on the same line. All of them measure the same counter, so all figures should be one.

import Foundation

struct ClockRates: Codable {
  /// In kHz, in the order of the boots.
  let ours: [Double]
  let xen: [Double]

  /// The largest difference between two figures, of either hypervisor, in parts per million.
  var spread: Double {
    let all = ours + xen
    guard let least = all.min(), let most = all.max(), least > 0 else { return .infinity }
    return (most - least) / least * 1e6
  }

  /// The same for one of them.
  static func spread(of rates: [Double]) -> Double { ClockRates(ours: rates, xen: []).spread }

  /// What may be between any two.
  static let limit = 20.0

  /// Boots each as often as asked, beside four busy loops.
  static func measure(_ subjects: BenchSubjects, boots: Int) throws -> ClockRates {
    var ours: [Double] = []
    var xen: [Double] = []
    let hogs = try (0..<4).map { _ in
      try ChildProcess(["/bin/sh", "-c", "while :; do :; done"], output: .file("/dev/null"), diesWithUs: true)
    }
    defer { for hog in hogs { hog.kill() } }
    for boot in 1...boots {
      Report.step("the counter's rate, boot \(boot) of \(boots)")
      let first = subjects.line(hypervisor: subjects.ours, options: "loglvl=all", scenario: "boot")
      ours.append(try rate(first, name: "bench-clock-ours", between: "counter at ", and: " kHz", scale: 1))
      let second = subjects.line(hypervisor: subjects.xen, options: "loglvl=all", scenario: "boot")
      xen.append(try rate(second, name: "bench-clock-xen", between: "Detected ", and: " MHz processor", scale: 1000))
    }
    return ClockRates(ours: ours, xen: xen)
  }

  /// Runs a line until the figure is there.
  private static func rate(
    _ line: QEMULine, name: String, between start: String, and end: String, scale: Double
  ) throws -> Double {
    let log = Places.testLogs + "/" + name + ".log"
    let child = try ChildProcess(try line.arguments(), output: .file(log), diesWithUs: true)
    defer { child.kill() }
    let limit = Date().addingTimeInterval(180)
    while Date() < limit {
      let text = LogTail.plain(String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self))
      if let rest = text.components(separatedBy: start).dropFirst().first, rest.contains(end),
        let value = rest.components(separatedBy: end).first.flatMap({ Double($0) })
      {
        return value * scale
      }
      if child.poll() != nil { break }
      Thread.sleep(forTimeInterval: 0.05)
    }
    throw ToolError.failed("\(name) shows no rate of the counter\n\(LogTail.of(log))")
  }

  /// A few lines for people.
  var text: String {
    func line(_ name: String, _ rates: [Double]) -> String {
      let sorted = rates.sorted()
      guard let least = sorted.first, let most = sorted.last else { return "" }
      let median = BootTimes.median(rates)
      return String(
        format: "  %@  %.0f to %.0f kHz, median %.0f, spread %.1f ppm\n", name, least, most, median,
        ClockRates.spread(of: rates))
    }
    return "The counter's rate, \(ours.count) boots each beside four busy loops\n" + line("Martlet     ", ours)
      + line("Debian's Xen", xen)
      + String(format: "  all together: spread %.1f ppm, %.0f are allowed\n", spread, ClockRates.limit)
  }
}
