// SPDX-License-Identifier: Apache-2.0
// The hypervisor's console as guests use it.
import Domains
import Machine
import XenABI

extension Hypercall {
  /// `console_io`: command, count, address. The machine's console is Domain 0's; others have the console that the toolstack
  /// gives them, and may write here what they have to say before (`writeConsole`).
  ///
  /// - Throws: `fault`; `notPermitted` for a domain other than Domain 0 that wants to read; `notImplemented` for an unknown
  ///   command.
  mutating func consoleIO() throws(XenError) -> HypercallOutcome {
    let count = UInt32(truncatingIfNeeded: arguments[1])
    switch UInt32(truncatingIfNeeded: arguments[0]) {
    case 0: return try write(count)
    case 1:
      guard domain[].isPrivileged else { throw .notPermitted }
      return .done(UInt64(try ConsoleInput.read(to: address(2), count: Int(count))))
    default: throw .notImplemented
    }
  }

  private mutating func write(_ count: UInt32) throws(XenError) -> HypercallOutcome {
    var buffer = InlineArray<128, UInt8>(repeating: 0)
    var left = Int(count)
    var from = address(2)
    while left > 0 {
      let chunk = min(left, 128)
      // Domain 0's text is not left out: it comes back when the line has taken some of what waits.
      if domain[].isPrivileged && !Ref<Console>.shared.hasRoom(for: chunk) {
        return again(.characters, from: from, left: UInt64(left))
      }
      var span = buffer.mutableSpan
      guard GuestMemory.read(from, into: &span, count: chunk) == chunk else { throw .fault }
      let text = buffer.span.extracting(0..<chunk)
      if domain[].isPrivileged { Ref<Console>.shared.write(raw: text) } else { domain.writeConsole(text) }
      left &-= chunk
      from = from + UInt64(chunk)
      Stretch.spend(32)
      if left > 0 && Stretch.isOver { return again(.characters, from: from, left: UInt64(left)) }
    }
    return .success
  }
}
