// SPDX-License-Identifier: Apache-2.0

// What can be wrong with ACPI. Only a missing root is fatal to the reading as a whole; a damaged table is left out and
// counted, because a machine with one bad table is still a machine.

/// Why ACPI tables cannot be used.
public enum ACPIError: Error {
  /// No root pointer where they are kept.
  case noRootPointer
  /// The root pointer leads to no valid table list.
  case badRootTable

  /// What is wrong and what to do.
  public var message: StaticString {
    switch self {
    case .noRootPointer:
      "no ACPI root pointer found; boot with a BIOS, or by multiboot2 from UEFI, and with ACPI switched on"
    case .badRootTable:
      "the ACPI root table is damaged; update the firmware"
    }
  }
}
