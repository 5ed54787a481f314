// SPDX-License-Identifier: Apache-2.0

// `com1=` and `com2=`: `<baud>[/<base-baud>][,[DPS][,[<io-base>][,[<irq>]]]]`, with `name=value` items allowed after.

/// How a serial port is to be set up. Fields that were not given are nil: leave them as found, or take the PC's usual
/// values.
public struct SerialSettings: Equatable {
  /// Parity.
  public enum Parity: UInt8 {
    /// No parity bit.
    case none
    /// Odd.
    case odd
    /// Even.
    case even
    /// Always one.
    case mark
    /// Always zero.
    case space
  }

  /// Bits per second; nil for `auto`: as the firmware left it.
  public internal(set) var baud: UInt32?
  /// Bits per second at divisor 1.
  public internal(set) var baseBaud: UInt32 = 115_200
  /// 5...8.
  public internal(set) var dataBits: UInt8 = 8
  /// Parity.
  public internal(set) var parity = Parity.none
  /// 1 or 2.
  public internal(set) var stopBits: UInt8 = 1
  /// The first port of the registers; nil for the PC's usual one.
  public internal(set) var ioBase: UInt16?
  /// The ISA interrupt; 0 means polling; nil for the PC's usual one.
  public internal(set) var interrupt: UInt8?

  /// The value for the divisor latch; nil for `auto`.
  public var divisor: UInt16? {
    guard let baud, baud > 0 else { return nil }
    return UInt16(exactly: baseBaud / baud)
  }

  /// Reads a value.
  ///
  /// - Throws: `SerialError`.
  init(_ value: Range<Int>, of line: Span<UInt8>) throws(SerialError) {
    var position = 0
    var rest: Range<Int>? = value
    while let remaining = rest {
      let item = line.part(of: remaining, before: UInt8(ascii: ","))
      rest = line.part(of: remaining, after: UInt8(ascii: ","))
      if let setting = line.part(of: item, after: UInt8(ascii: "=")) {
        try take(line.part(of: item, before: UInt8(ascii: "=")), setting, of: line)
      } else if !item.isEmpty {
        try take(position, item, of: line)
      }
      position += 1
    }
    if let baud {
      guard baud <= baseBaud, baseBaud / baud <= 0xffff else { throw .badBaud }
    }
  }

  private mutating func take(_ position: Int, _ item: Range<Int>, of line: Span<UInt8>) throws(SerialError) {
    switch position {
    case 0: try takeBaud(item, of: line)
    case 1: try takeFrame(item, of: line)
    case 2: try takeBase(item, of: line)
    case 3: try takeInterrupt(item, of: line)
    default: throw .notPCI
    }
  }

  private mutating func take(_ name: Range<Int>, _ item: Range<Int>, of line: Span<UInt8>) throws(SerialError) {
    if line.equals(name, "baud") {
      try takeBaud(item, of: line)
    } else if line.equals(name, "clock-hz") {
      guard let clock = line.number(item, upTo: UInt64(UInt32.max)), clock >= 16 else { throw .badBaud }
      baseBaud = UInt32(clock / 16)
    } else if line.equals(name, "data-bits") {
      guard let bits = line.number(item, upTo: 8), bits >= 5 else { throw .badFrame }
      dataBits = UInt8(bits)
    } else if line.equals(name, "parity") {
      guard item.count == 1, let parity = Self.parity(line[item.lowerBound]) else { throw .badFrame }
      self.parity = parity
    } else if line.equals(name, "stop-bits") {
      guard let bits = line.number(item, upTo: 2), bits >= 1 else { throw .badFrame }
      stopBits = UInt8(bits)
    } else if line.equals(name, "io-base") {
      try takeBase(item, of: line)
    } else if line.equals(name, "irq") {
      try takeInterrupt(item, of: line)
    } else if line.equals(name, "reg-shift") {
      guard line.unsignedNumber(item) == 0 else { throw .notPCI }
    } else if line.equals(name, "reg-width") {
      guard line.unsignedNumber(item) == 1 else { throw .notPCI }
    } else if line.equals(name, "dev") || line.equals(name, "port") || line.equals(name, "bridge") {
      throw .notPCI
    } else {
      throw .unknownItem
    }
  }

  private mutating func takeBaud(_ item: Range<Int>, of line: Span<UInt8>) throws(SerialError) {
    let speed = line.part(of: item, before: UInt8(ascii: "/"))
    if line.equals(speed, "auto") {
      baud = nil
    } else {
      guard let number = line.number(speed, upTo: UInt64(UInt32.max)), number > 0 else { throw .badBaud }
      baud = UInt32(number)
    }
    if let base = line.part(of: item, after: UInt8(ascii: "/")) {
      guard let number = line.number(base, upTo: UInt64(UInt32.max)), number > 0 else { throw .badBaud }
      baseBaud = UInt32(number)
    }
  }

  /// Up to three characters: data bits, parity, stop bits.
  private mutating func takeFrame(_ item: Range<Int>, of line: Span<UInt8>) throws(SerialError) {
    guard item.count <= 3 else { throw .badFrame }
    let start = item.lowerBound
    let data = line[start]
    guard data >= UInt8(ascii: "5"), data <= UInt8(ascii: "8") else { throw .badFrame }
    dataBits = data - UInt8(ascii: "0")
    if item.count > 1 {
      guard let parity = Self.parity(line[start + 1]) else { throw .badFrame }
      self.parity = parity
    }
    if item.count > 2 {
      let stop = line[start + 2]
      guard stop == UInt8(ascii: "1") || stop == UInt8(ascii: "2") else { throw .badFrame }
      stopBits = stop - UInt8(ascii: "0")
    }
  }

  private mutating func takeBase(_ item: Range<Int>, of line: Span<UInt8>) throws(SerialError) {
    if line.equals(item, "pci") || line.equals(item, "amt") { throw .notPCI }
    guard let base = line.number(item, upTo: 0xfff8), base > 0 else { throw .badPort }
    ioBase = UInt16(base)
  }

  private mutating func takeInterrupt(_ item: Range<Int>, of line: Span<UInt8>) throws(SerialError) {
    if line.equals(item, "msi") { throw .notPCI }
    guard let number = line.number(item, upTo: 15) else { throw .badInterrupt }
    interrupt = UInt8(number)
  }

  private static func parity(_ letter: UInt8) -> Parity? {
    switch letter {
    case UInt8(ascii: "n"): Parity.none
    case UInt8(ascii: "o"): .odd
    case UInt8(ascii: "e"): .even
    case UInt8(ascii: "m"): .mark
    case UInt8(ascii: "s"): .space
    default: nil
    }
  }
}

/// Why a serial port's settings are impossible.
enum SerialError: Error {
  case badBaud, badFrame, badPort, badInterrupt, notPCI, unknownItem

  /// What is wrong and what to write.
  var message: StaticString {
    switch self {
    case .badBaud: "the speed must be auto or a number that divides the base speed (115200): write 115200,8n1"
    case .badFrame: "data bits, parity and stop bits must be like 8n1 (5-8, one of n o e m s, 1-2)"
    case .badPort: "the I/O base must be a port number up to 0xfff8, like 0x3f8"
    case .badInterrupt: "the interrupt must be 0 (polling) to 15"
    case .notPCI: "only plain ISA ports are driven, no PCI ports and no wide registers: give an I/O base, like 0x3f8"
    case .unknownItem: "the names are baud, clock-hz, data-bits, parity, stop-bits, io-base and irq"
    }
  }
}
