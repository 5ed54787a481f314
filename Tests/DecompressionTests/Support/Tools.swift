// SPDX-License-Identifier: Apache-2.0
// The real compressors, run as filters.
import Foundation
import Testing

/// A command line that compresses standard input to standard output.
struct Compressor: CustomTestStringConvertible, Sendable {
  var arguments: [String]

  init(_ line: String) { arguments = line.split(separator: " ").map(String.init) }

  var testDescription: String { arguments.joined(separator: " ") }

  /// What the tool makes of `input`.
  func callAsFunction(_ input: [UInt8]) throws -> [UInt8] {
    // Through a file: a pipe in both directions could fill up.
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)")
    try Data(input).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardInput = try FileHandle(forReadingFrom: file)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw ToolFailure(line: testDescription) }
    return [UInt8](output)
  }
}

struct ToolFailure: Error {
  var line: String
}
