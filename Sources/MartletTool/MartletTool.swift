// SPDX-License-Identifier: Apache-2.0
//
// The command behind `./martlet`: finds the verb and runs it. Each verb lives in a folder of its own.

import Foundation

/// Entry point of the host command. Exit status: 0 done, 1 failed, 2 wrong usage.
@main
enum MartletTool {
  static func main() {
    var arguments = Array(CommandLine.arguments.dropFirst())
    let name = arguments.isEmpty ? "help" : arguments.removeFirst()
    do {
      let status = try run(verb: name, arguments: arguments)
      exit(status)
    } catch let error as ToolError {
      Report.error(error.message)
      exit(error.status)
    } catch {
      Report.error("\(error)")
      exit(1)
    }
  }

  /// Runs one verb with its arguments and returns the exit status.
  static func run(verb name: String, arguments: [String]) throws -> Int32 {
    switch name {
    case "run": return try RunCommand.main(arguments)
    case "guest": return try GuestCommand.main(arguments)
    case "build": return try BuildCommand.main(arguments)
    case "test": return try TestCommand.main(arguments)
    case "fuzz": return try FuzzCommand.main(arguments)
    case "bench": return try BenchCommand.main(arguments)
    case "transcript": return try TranscriptCommand.main(arguments)
    case "help", "--help", "-h":
      if let verb = arguments.first, verb != "help" { return try run(verb: verb, arguments: ["--help"]) }
      Report.line(help)
      return 0
    default:
      throw ToolError.usage(
        "there is no verb '\(name)'; the verbs are run, guest, build, test, fuzz, bench, transcript and help")
    }
  }

  static let help = """
    Martlet: Xen's paravirtualizing hypervisor, built anew in Swift.

    usage: ./martlet VERB [options]

      run     boot Debian Linux as Domain 0 on Martlet in QEMU, with guests, on this terminal
      guest   make disks for further guests
      build   build the bootable image: build/martlet and build/martlet.gz
      test    run every test; the last line is 'N passed, N failed'
      fuzz    feed the hypercall interface with random calls, on this host
      bench   measure boot time and costs, side by side with Debian's Xen
      transcript   write what xl's commands say, side by side with Debian's Xen
      help    this text

    './martlet VERB --help' tells what a verb takes.
    """
}
