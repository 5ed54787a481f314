// SPDX-License-Identifier: Apache-2.0
// What guests write to the hypervisor's console. Domain 0's text goes out as it is: it is the machine's console. Other
// domains' lines are collected, cleaned of control characters and marked with the domain's number.
import Machine
import XenABI

/// Text from guests.
public enum GuestConsole {
  /// Writes `count` bytes of a domain's.
  public static func write(_ domain: Ref<Domain>, _ bytes: Span<UInt8>, count: Int) {
    if domain[].mayUseHardware {
      Ref<Console>.shared.write(raw: bytes.extracting(0..<count))
      return
    }
    guard Ref<Console>.shared[].guestThreshold >= .debug else { return }
    for index in 0..<count {
      let byte = bytes[index]
      if byte == 10 || domain[].consoleLine.count >= 160 {
        Log.write(.error) {
          $0.put("(d")
          $0.put(decimal: UInt64(domain[].id.raw))
          $0.put(") ")
          for at in 0..<domain[].consoleLine.count { $0.put(byte: domain[].consoleLine.bytes[at]) }
        }
        domain[].consoleLine.count = 0
      }
      if byte >= 32 && byte < 127 || byte == 9 {
        domain[].consoleLine.bytes[domain[].consoleLine.count] = byte
        domain[].consoleLine.count &+= 1
      }
    }
  }
}

/// A line in the making. Only the domain's own vCPUs add to it; two at once mix up their text, not our memory.
public struct ConsoleLine: BitwiseCopyable {
  var bytes = InlineArray<168, UInt8>(repeating: 0)
  var count = 0

  /// An empty line.
  public init() {}
}
