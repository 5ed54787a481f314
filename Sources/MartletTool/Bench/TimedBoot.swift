// SPDX-License-Identifier: Apache-2.0
//
// One QEMU run for a measurement: when the shell's mark came, when the machine stopped, and what was printed.

import Foundation

struct TimedBoot {
  /// Seconds of wall time from QEMU's start to the mark of the shell.
  let shell: Double
  /// Seconds of wall time until QEMU ended.
  let whole: Double
  /// Seconds since the kernel's start at the mark, by Domain 0's own clock.
  let kernel: Double
  let text: String

  /// Runs a line to its end, or until it stands still (Progress.swift). A run without the mark or the power-off is an error: its times would mean nothing.
  static func run(_ line: QEMULine, name: String, patience: Double = HostSpeed.slowness) throws -> TimedBoot {
    let log = Places.testLogs + "/" + name + ".log"
    let start = DispatchTime.now().uptimeNanoseconds
    func elapsed() -> Double { Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9 }
    let child = try ChildProcess(try line.arguments(), output: .file(log), diesWithUs: true)
    guard let reader = FileHandle(forReadingAtPath: log) else { throw ToolError.failed("cannot read \(log)") }
    var bytes = Data()
    var progress = Progress(limit: MachineExpectation.usualStandstill * patience)
    var times = ProcessTimes(of: child.identifier)
    var looked = 0.0
    var shell: Double?
    while true {
      let ended = child.poll() != nil
      if let data = try reader.readToEnd(), !data.isEmpty {
        bytes.append(data)
        progress.output = bytes.count
        progress.printed(LogTail.plain(String(decoding: data, as: UTF8.self)))
      }
      if shell == nil, bytes.range(of: Data("MARTLET-SHELL reached".utf8)) != nil { shell = elapsed() }
      if ended { break }
      // Seldom, for this costs what is measured.
      if elapsed() - looked > 0.5 {
        looked = elapsed()
        let passed = times.sinceLast()
        progress.passed(passed.wall, waiting: passed.waiting, computing: passed.computing)
      }
      if let verdict = progress.verdict {
        child.kill()
        throw ToolError.failed("\(name): \(verdict)\n\(LogTail.of(log))")
      }
      Thread.sleep(forTimeInterval: 0.003)
    }
    let whole = elapsed()
    let text = LogTail.plain(String(decoding: bytes, as: UTF8.self))
    guard let shell, child.poll() == 0, text.contains(": PASS"),
      let mark = text.components(separatedBy: "MARTLET-SHELL reached after ").dropFirst().first,
      let kernel = mark.split(separator: " ").first.flatMap({ Double($0) })
    else { throw ToolError.failed("\(name) did not reach its end as it should\n\(LogTail.of(log))") }
    return TimedBoot(shell: shell, whole: whole, kernel: kernel, text: text)
  }
}
