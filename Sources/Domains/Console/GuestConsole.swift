// SPDX-License-Identifier: Apache-2.0
// What domains other than Domain 0 write to the machine's console (CONSOLEIO_write): kernels do so before they have a console
// of their own (`earlyprintk=xen`). It is shown by lines, `(d1) text`, as `guest_loglvl=` says, and not without a limit.
import Machine
import XenABI

/// Whether guests' lines are shown. They have the least weight there is (`guest_loglvl=debug` or `all`).
public enum GuestOutput {
  /// Not at all.
  case hidden
  /// A few of them: their weight is among those that the second level of `guest_loglvl=` limits.
  case limited
  /// As many as a kernel says while it boots, and then as many as a person reads.
  case shown

  /// How many lines a domain may have shown at once, and how long it takes until it may have one more, in nanoseconds.
  var limit: (burst: UInt64, interval: UInt64) {
    switch self {
    case .hidden: (0, 0)
    case .limited: (10, 500_000_000)
    case .shown: (512, 20_000_000)
    }
  }
}

/// The line that a domain is writing.
public struct GuestLine: ~Copyable {
  /// A longer line is shown in pieces of so many bytes.
  static let size = 120
  var bytes = InlineArray<120, UInt8>(repeating: 0)
  var count = 0
  var limit = RateLimit()
  /// How many lines have been left out since one was shown.
  var dropped: UInt64 = 0

  /// An empty line.
  public init() {}
}

extension Ref where T == Domain {
  /// Takes bytes that the domain writes to the machine's console; shows each line that they complete. Control characters are
  /// left out, so that no guest moves a person's cursor or forges another's lines.
  public func writeConsole(_ text: Span<UInt8>) {
    let output = Ref<Console>.shared[].guestOutput
    if output == .hidden { return }
    self[].consoleLine.withLock { line in
      for index in 0..<text.count {
        let byte = text[index]
        if byte == 10 {
          show(&line, output)
        } else if byte == 9 || byte >= 32 && byte < 127 {
          line.bytes[line.count] = byte
          line.count &+= 1
          if line.count == GuestLine.size { show(&line, output) }
        }
      }
    }
  }

  /// Shows what stands in a line that nobody will complete: the domain has shut down.
  func endConsoleLine() {
    guard Ref<Console>.isPublished else { return }
    let output = Ref<Console>.shared[].guestOutput
    self[].consoleLine.withLock { line in
      if line.count > 0 { show(&line, output) }
    }
  }

  private func show(_ line: inout GuestLine, _ output: GuestOutput) {
    defer { line.count = 0 }
    let (burst, interval) = output.limit
    guard line.limit.take(now: Hypervisor.now, burst: burst, interval: interval) else {
      line.dropped &+= 1
      return
    }
    if line.dropped > 0 {
      say {
        $0.put("[")
        $0.put(decimal: line.dropped)
        $0.put(" lines left out]")
      }
      line.dropped = 0
    }
    say { for index in 0..<line.count { $0.put(byte: line.bytes[index]) } }
  }

  private func say(_ fill: (inout TextLine) -> Void) {
    var text = TextLine()
    text.put("(d")
    text.put(decimal: UInt64(self[].id.raw))
    text.put(") ")
    fill(&text)
    Ref<Console>.shared.write(text, isOurs: false)
  }
}
