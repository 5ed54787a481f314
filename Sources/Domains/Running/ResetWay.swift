// SPDX-License-Identifier: Apache-2.0
// The ways in which a PC is reset, and in which order they are tried.

/// A way to reset the machine.
public enum ResetWay: UInt8, BitwiseCopyable {
  /// The reset register of ACPI's FADT.
  case acpi
  /// The chip set's reset control register: the processors and the bus.
  case pci
  /// The same with the power taken away for a moment.
  case power
  /// The keyboard controller's line to the processor.
  case keyboard
  /// A fault that cannot be delivered, three times over.
  case tripleFault

  /// The reset control register of Intel's chip sets and all that follow them.
  static var controlPort: UInt16 { 0xcf9 }
  /// Its bit for a hard reset.
  static var hard: UInt8 { 2 }
  /// Its bit that a rise of which resets.
  static var now: UInt8 { 4 }
  /// Its bit for a full reset, power included.
  static var full: UInt8 { 8 }

  /// `first`, then the usual ones: ACPI's register, the control register, keyboard controller, triple fault, which always works.
  public static func order(first: ResetWay?) -> InlineArray<5, ResetWay> {
    [first ?? .acpi, .acpi, .pci, .keyboard, .tripleFault]
  }
}
