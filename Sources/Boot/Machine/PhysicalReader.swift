// SPDX-License-Identifier: Apache-2.0
// Physical memory as the parsers of boot information and ACPI tables read it: through the window, byte by byte and checked.
import Images
import Machine

/// Reads physical memory below the window's end.
struct PhysicalReader: PhysicalMemory {
  func byte(at address: UInt64) -> UInt8? {
    let frame = MachineFrame(physical: address)
    guard PhysicalWindow.contains(frame) else { return nil }
    return PhysicalWindow.load8(frame, byte: Int(address & 4095))
  }
}
