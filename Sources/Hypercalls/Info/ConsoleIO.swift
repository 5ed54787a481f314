// SPDX-License-Identifier: Apache-2.0
// The hypervisor's console as guests use it.
import Domains
import Machine
import XenABI

extension Hypercall {
  /// `console_io`: command, count, address. The machine's console is Domain 0's; others have the console that the toolstack
  /// gives them.
  ///
  /// - Throws: `fault`; `notPermitted`; `notImplemented` for an unknown command.
  mutating func consoleIO() throws(XenError) -> HypercallOutcome {
    guard domain[].isPrivileged else { throw .notPermitted }
    let count = UInt32(truncatingIfNeeded: arguments[1])
    switch arguments[0] {
    case 0: return try write(count)
    case 1: return .done(UInt64(try ConsoleInput.read(to: address(2), count: Int(count))))
    default: throw .notImplemented
    }
  }

  private mutating func write(_ count: UInt32) throws(XenError) -> HypercallOutcome {
    var buffer = InlineArray<128, UInt8>(repeating: 0)
    var left = Int(count)
    var from = address(2)
    while left > 0 {
      let chunk = min(left, 128)
      var span = buffer.mutableSpan
      guard GuestMemory.read(from, into: &span, count: chunk) == chunk else { throw .fault }
      Ref<Console>.shared.write(raw: buffer.span.extracting(0..<chunk))
      left &-= chunk
      from = from + UInt64(chunk)
      Stretch.spend(32)
      if left > 0 && Stretch.isOver {
        arguments[1] = UInt64(left)
        arguments[2] = from.raw
        return .again
      }
    }
    return .success
  }
}
