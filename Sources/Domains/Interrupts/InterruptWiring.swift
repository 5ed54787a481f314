// SPDX-License-Identifier: Apache-2.0
// How the machine's interrupt lines run, as ACPI describes it: its I/O APICs, and the lines whose signal is not the usual one.
import Machine

/// The machine's interrupt lines. Boot fills it in from the MADT and hands it to `InterruptRouting.configure`.
public struct InterruptWiring: BitwiseCopyable {
  /// How a line signals.
  public struct Signal: Equatable, BitwiseCopyable {
    /// Whether the line signals by level, not by edge.
    public var isLevel: Bool
    /// Whether it is active when low.
    public var isLow: Bool
    /// A way to signal.
    public init(isLevel: Bool, isLow: Bool) {
      self.isLevel = isLevel
      self.isLow = isLow
    }
  }

  private struct Override: BitwiseCopyable {
    var irq: UInt8 = 0
    var gsi: UInt32 = 0
    var signal = Signal(isLevel: false, isLow: false)
  }

  private var controllers = InlineArray<16, IOAPIC?>(repeating: nil)
  /// How many I/O APICs there are.
  public private(set) var controllerCount = 0
  private var overrides = InlineArray<24, Override>(repeating: Override())
  private var overrideCount = 0

  /// No lines.
  public init() {}

  /// Adds an I/O APIC; false when there is no room.
  public mutating func addController(_ controller: IOAPIC) -> Bool {
    guard controllerCount < 16 else { return false }
    controllers[controllerCount] = controller
    controllerCount &+= 1
    return true
  }

  /// Says that an ISA interrupt arrives at another line, or with another signal (MADT, interrupt source override); false when
  /// there is no room.
  public mutating func addOverride(irq: UInt8, gsi: UInt32, isLevel: Bool, isLow: Bool) -> Bool {
    guard overrideCount < 24 else { return false }
    overrides[overrideCount] = Override(irq: irq, gsi: gsi, signal: Signal(isLevel: isLevel, isLow: isLow))
    overrideCount &+= 1
    return true
  }

  /// The I/O APIC with an index below `controllerCount`.
  public func controller(_ index: Int) -> IOAPIC? { index >= 0 && index < controllerCount ? controllers[index] : nil }

  /// The I/O APIC that serves a line, and the pin at which it does.
  public func pin(gsi: UInt32) -> (IOAPIC, Int)? {
    for index in 0..<controllerCount {
      guard let controller = controllers[index], gsi >= controller.firstGSI,
        gsi &- controller.firstGSI < UInt32(controller.pins)
      else { continue }
      return (controller, Int(gsi &- controller.firstGSI))
    }
    return nil
  }

  /// The I/O APIC whose registers are at a physical address.
  public func controller(physical: UInt64) -> IOAPIC? {
    for index in 0..<controllerCount {
      if let controller = controllers[index], controller.physical == physical { return controller }
    }
    return nil
  }

  /// The line of an ISA interrupt.
  public func gsi(ofISA irq: UInt8) -> UInt32 {
    for index in 0..<overrideCount where overrides[index].irq == irq { return overrides[index].gsi }
    return UInt32(irq)
  }

  /// How a line signals: as the MADT says; else ISA lines by edges, active high, and others by level, active low.
  public func signal(gsi: UInt32) -> Signal {
    for index in 0..<overrideCount where overrides[index].gsi == gsi { return overrides[index].signal }
    return gsi < 16 ? Signal(isLevel: false, isLow: false) : Signal(isLevel: true, isLow: true)
  }

  /// One more than the highest line, at most `limit`.
  func lineCount(limit: UInt32) -> UInt32 {
    var end: UInt32 = 0
    for index in 0..<controllerCount {
      guard let controller = controllers[index] else { continue }
      let (sum, wrapped) = controller.firstGSI.addingReportingOverflow(UInt32(controller.pins))
      end = max(end, wrapped ? limit : sum)
    }
    return min(end, limit)
  }
}

/// A line's entry in the redirection table of its I/O APIC.
struct RedirectionEntry: Equatable {
  let raw: UInt64

  /// An interrupt with a vector to one CPU, by its APIC identifier.
  init(vector: UInt8, apicID: UInt32, isLevel: Bool, isLow: Bool, isMasked: Bool) {
    var bits = UInt64(vector) | UInt64(apicID & 0xff) &<< 56
    if isLow { bits |= 1 &<< 13 }
    if isLevel { bits |= 1 &<< 15 }
    if isMasked { bits |= 1 &<< 16 }
    raw = bits
  }

  /// An entry that lets nothing through.
  static let masked = RedirectionEntry(vector: 0, apicID: 0, isLevel: false, isLow: false, isMasked: true)
}
