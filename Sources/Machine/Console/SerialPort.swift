// SPDX-License-Identifier: Apache-2.0
// A 16550 serial port.
import CMachine

/// A 16550-compatible UART by its I/O port base.
public struct SerialPort: BitwiseCopyable {
  /// The first of its eight I/O ports.
  public let base: UInt16

  /// The port at `base`, as the firmware left it.
  public init(base: UInt16) { self.base = base }

  /// Sets rate and format. `divisor` is 115200 divided by the baud rate; `format` is the line control register's low 6 bits.
  public func configure(divisor: UInt16, format: UInt8) {
    martlet_out8(base &+ 1, 0)
    if divisor != 0 {
      martlet_out8(base &+ 3, 0x80)
      martlet_out8(base, UInt8(truncatingIfNeeded: divisor))
      martlet_out8(base &+ 1, UInt8(truncatingIfNeeded: divisor &>> 8))
    }
    martlet_out8(base &+ 3, format & 0x3f)
    martlet_out8(base &+ 2, 0xc7)
    martlet_out8(base &+ 4, 0x0b)
  }

  /// Asks for an interrupt whenever a byte has come.
  public func enableReceiveInterrupt() { martlet_out8(base &+ 1, 1) }

  /// Whether something answers at the port at all: the scratch register of an absent one does not keep a value.
  public var isPresent: Bool {
    martlet_out8(base &+ 7, 0x5a)
    return martlet_in8(base &+ 7) == 0x5a
  }

  /// Sends a byte, waiting while the transmitter is full, but not for ever.
  public func send(_ byte: UInt8) {
    var patience = 100_000
    while martlet_in8(base &+ 5) & 0x20 == 0 && patience > 0 {
      patience &-= 1
      martlet_pause()
    }
    martlet_out8(base, byte)
  }

  /// Sends up to 16 bytes after one look at the transmitter, whose FIFO holds as many.
  public func send(_ bytes: Span<UInt8>) {
    var index = 0
    while index < bytes.count {
      var patience = 100_000
      while martlet_in8(base &+ 5) & 0x20 == 0 && patience > 0 {
        patience &-= 1
        martlet_pause()
      }
      var room = 16
      while room > 0 && index < bytes.count {
        martlet_out8(base, bytes[index])
        index &+= 1
        room &-= 1
      }
    }
  }

  /// A byte that has come, or nil.
  public func receive() -> UInt8? {
    martlet_in8(base &+ 5) & 1 != 0 ? martlet_in8(base) : nil
  }
}
