// SPDX-License-Identifier: Apache-2.0
// A 16550 serial port.
import CMachine

/// A 16550-compatible UART by its I/O port base.
public struct SerialPort: BitwiseCopyable {
  /// The first of its eight I/O ports.
  public let base: UInt16

  /// How many bytes it takes once its transmitter is ready.
  public private(set) var burst = 1

  /// The port at `base`, as the firmware left it.
  public init(base: UInt16) { self.base = base }

  /// Sets rate and format. `divisor` is 115200 divided by the baud rate; `format` is the line control register's low 6 bits.
  public mutating func configure(divisor: UInt16, format: UInt8) {
    martlet_out8(base &+ 1, 0)
    if divisor != 0 {
      martlet_out8(base &+ 3, 0x80)
      martlet_out8(base, UInt8(truncatingIfNeeded: divisor))
      martlet_out8(base &+ 1, UInt8(truncatingIfNeeded: divisor &>> 8))
    }
    martlet_out8(base &+ 3, format & 0x3f)
    martlet_out8(base &+ 2, 0xc7)
    martlet_out8(base &+ 4, 0x0b)
    // A 16550A says that its FIFOs are on; its forerunners have none that can be relied on.
    burst = martlet_in8(base &+ 2) & 0xc0 == 0xc0 ? 16 : 1
  }

  /// Asks for an interrupt whenever a byte has come, and whenever the transmitter is ready.
  public func setInterrupts(receive: Bool, transmit: Bool) {
    martlet_out8(base &+ 1, (receive ? 1 : 0) | (transmit ? 2 : 0))
  }

  /// Whether there is a reason for an interrupt. That the transmitter has become ready is told once.
  public func takeReason() -> Bool { martlet_in8(base &+ 2) & 1 == 0 }

  /// Whether the transmitter takes `burst` bytes.
  public var isReady: Bool { martlet_in8(base &+ 5) & 0x20 != 0 }

  /// Hands over a byte; one of at most `burst` since the port was ready.
  public func put(_ byte: UInt8) { martlet_out8(base, byte) }

  /// Whether something answers at the port at all: the scratch register of an absent one does not keep a value.
  public var isPresent: Bool {
    martlet_out8(base &+ 7, 0x5a)
    return martlet_in8(base &+ 7) == 0x5a
  }

  /// Waits while the transmitter is full, but not for ever, and if not patient not at all; gives whether it is ready.
  public func waitUntilReady(isPatient: Bool = true) -> Bool {
    var patience = isPatient ? 100_000 : 0
    while !isReady {
      guard patience > 0 else { return false }
      patience &-= 1
      martlet_pause()
    }
    return true
  }

  /// Sends a byte, as soon as the transmitter takes one; in any case in the end. Gives whether it was ready.
  @discardableResult
  public func send(_ byte: UInt8, isPatient: Bool = true) -> Bool {
    let isReady = waitUntilReady(isPatient: isPatient)
    put(byte)
    return isReady
  }

  /// A byte that has come, or nil.
  public func receive() -> UInt8? {
    martlet_in8(base &+ 5) & 1 != 0 ? martlet_in8(base) : nil
  }
}
