// SPDX-License-Identifier: Apache-2.0
//
// Running other programs. Foundation's Process puts each child into a process group of its own, where QEMU could not use
// the terminal and Ctrl-C would not reach it; so this is a small layer over posix_spawn.

import Foundation

/// Where a child's standard input comes from.
enum ChildInput {
  case inherited
  case nothing
  case pipe
}

/// Where a child's standard output and standard error go.
enum ChildOutput {
  case inherited
  case file(String)
}

/// A program that was started. Not thread-safe: one owner waits for it.
final class ChildProcess {
  let identifier: pid_t
  /// Our end of the pipe to its standard input, when there is one.
  private let inputEnd: FileHandle?
  private(set) var status: Int32?

  /// Starts `arguments[0]`, looked up on PATH. With `diesWithUs` the kernel ends the child when this process ends, however
  /// that happens: no QEMU is left running behind a test run that was killed.
  init(
    _ arguments: [String], environment: [String: String] = [:], folder: String? = nil,
    input: ChildInput = .nothing, output: ChildOutput = .inherited, diesWithUs: Bool = false
  ) throws {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    var pipeEnds: [Int32] = []
    switch input {
    case .inherited: break
    case .nothing: unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    case .pipe:
      let pipe = Pipe()
      pipeEnds = [
        fcntl(pipe.fileHandleForReading.fileDescriptor, F_DUPFD_CLOEXEC, 3),
        fcntl(pipe.fileHandleForWriting.fileDescriptor, F_DUPFD_CLOEXEC, 3),
      ]
      try? pipe.fileHandleForReading.close()
      try? pipe.fileHandleForWriting.close()
      unsafe posix_spawn_file_actions_adddup2(&actions, pipeEnds[0], 0)
    }
    if case .file(let path) = output {
      unsafe posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
      unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
    }
    // posix_spawn's own way to change folder is not visible to Swift; env(1) does it.
    let inFolder = folder.map { ["env", "-C", $0] + arguments } ?? arguments
    // setpriv(1) and env(1) become the program they start, so that the child's identifier is the program's.
    let arguments = diesWithUs ? ["setpriv", "--pdeathsig", "KILL"] + inFolder : inFolder

    var variables = ProcessInfo.processInfo.environment
    variables.merge(environment) { $1 }
    var argumentPointers = unsafe arguments.map { unsafe strdup($0) } + [nil]
    var variablePointers = unsafe variables.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
      for unsafe pointer in unsafe argumentPointers { unsafe free(pointer) }
      for unsafe pointer in unsafe variablePointers { unsafe free(pointer) }
    }
    var child: pid_t = 0
    let error = unsafe posix_spawnp(&child, arguments[0], &actions, nil, &argumentPointers, &variablePointers)
    if !pipeEnds.isEmpty { close(pipeEnds[0]) }
    inputEnd = pipeEnds.isEmpty ? nil : FileHandle(fileDescriptor: pipeEnds[1], closeOnDealloc: true)
    guard error == 0 else {
      throw ToolError.failed("cannot start \(arguments[0]): \(unsafe String(cString: strerror(error)))")
    }
    identifier = child
  }

  /// Types into the child. A child that is gone is no error.
  func type(_ text: String) { try? inputEnd?.write(contentsOf: Data(text.utf8)) }

  /// The exit status if the child has ended (128 + signal when a signal ended it), else nil; does not wait.
  func poll() -> Int32? { reap(WNOHANG) }

  /// Waits for the end and returns the exit status (128 + signal when a signal ended it).
  @discardableResult func wait() -> Int32 { reap(0) ?? 1 }

  /// Ends the child at once, and waits for it.
  func kill() {
    guard poll() == nil else { return }
    Foundation.kill(identifier, SIGKILL)
    wait()
  }

  private func reap(_ flags: Int32) -> Int32? {
    if let status { return status }
    var word: Int32 = 0
    var result: pid_t
    repeat { result = unsafe waitpid(identifier, &word, flags) } while result == -1 && errno == EINTR
    guard result == identifier else { return nil }
    status = word & 0x7f == 0 ? (word >> 8) & 0xff : 128 + (word & 0x7f)
    return status
  }
}
