// SPDX-License-Identifier: Apache-2.0
// What a person types: for Domain 0's console, or, after CTRL-a three times, for the hypervisor's debug keys.
import Machine
import XenABI

/// Input from the serial console: a ring that Domain 0 reads by `CONSOLEIO_read`, filled when the port interrupts.
public struct ConsoleInput: ~Copyable {
  static let size = 512
  var bytes = InlineArray<512, UInt8>(repeating: 0)
  var head = 0
  var count = 0
  /// How many times the switch character has come in a row.
  var switches = 0
  /// Whether the debug keys have the keyboard.
  var isOurs = false

  /// No input yet; the keyboard is Domain 0's.
  public init() {}

  /// The port has interrupted: takes what has come over the line, and sends what waits (rule U2). On any CPU.
  ///
  /// The interrupt is an edge: the next one comes only if there was a moment without a reason for one. So reasons are taken until
  /// there is none, but not for ever; the timer of whoever leaves something behind (rule U1) is there for what is missed.
  static func run() {
    guard Ref<Console>.isPublished, let port = Ref<Console>.shared[].port else { return }
    var hasNews = false
    for _ in 0..<8 {
      let hasReason = port.takeReason()
      // A line noise source cannot hold us: as many bytes as a FIFO.
      for _ in 0..<16 {
        guard let byte = port.receive() else { break }
        let key: UInt8? = Ref<Console>.shared[].input.withLock { $0.take(byte) }
        if let key { DebugKeys.press(key) } else { hasNews = true }
      }
      Ref<Console>.shared.transmit()
      if !hasReason { break }
    }
    if hasNews { MachineInterrupts.raise(VirtualInterrupt.console) }
  }

  /// Takes one byte; gives it back if it is a debug key.
  mutating func take(_ byte: UInt8) -> UInt8? {
    // CTRL-a three times in a row hands the keyboard over.
    if byte == 1 {
      switches &+= 1
      if switches == 3 {
        switches = 0
        isOurs.toggle()
        return isOurs ? DebugKeys.entered : DebugKeys.left
      }
      return nil
    }
    if isOurs {
      switches = 0
      return byte
    }
    // Fewer than three were meant for Domain 0.
    while switches > 0 {
      switches &-= 1
      keep(1)
    }
    keep(byte)
    return nil
  }

  private mutating func keep(_ byte: UInt8) {
    guard count < ConsoleInput.size else { return }
    bytes[(head &+ count) % ConsoleInput.size] = byte
    count &+= 1
  }

  /// Moves up to `wanted` bytes to the current guest's memory; gives how many.
  public static func read(to out: LinearAddress, count wanted: Int) throws(XenError) -> Int {
    var buffer = InlineArray<64, UInt8>(repeating: 0)
    var done = 0
    while done < wanted {
      let chunk = Ref<Console>.shared[].input.withLock { input in
        var moved = 0
        while moved < min(64, wanted &- done) && input.count > 0 {
          buffer[moved] = input.bytes[input.head]
          input.head = (input.head &+ 1) % ConsoleInput.size
          input.count &-= 1
          moved &+= 1
        }
        return moved
      }
      if chunk == 0 { break }
      guard GuestMemory.write(out + UInt64(done), from: buffer.span, count: chunk) == chunk else { throw .fault }
      done &+= chunk
    }
    return done
  }
}
