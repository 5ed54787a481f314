// SPDX-License-Identifier: Apache-2.0
// The first 256 bytes of PCI functions' configuration spaces, through ports 0xcf8 and 0xcfc: every machine has these.
import CMachine

/// The configuration ports of the PCI. Having it in hand is the right to use them: an access is two steps, so it lives in a
/// lock.
public struct PCIConfigurationPorts: ~Copyable {
  /// The ports; there is one pair.
  public init() {}

  /// The address of a function's 32-bit register, as port 0xcf8 takes it.
  @inlinable public static func address(bus: UInt8, function: UInt8, register: UInt8) -> UInt32 {
    0x8000_0000 | UInt32(bus) &<< 16 | UInt32(function) &<< 8 | UInt32(register & 0xfc)
  }

  /// Reads the 32-bit register at an address. All ones where there is no function.
  public mutating func read32(_ address: UInt32) -> UInt32 {
    #if os(Linux)
      guard let frame = simulated(address) else { return UInt32.max }
      return PhysicalWindow.load32(frame, word: Int(address & 0xfc) &>> 2)
    #else
      Ports.out32(0xcf8, address)
      return Ports.in32(0xcfc)
    #endif
  }

  /// Writes the 32-bit register at an address.
  public mutating func write32(_ address: UInt32, _ value: UInt32) {
    #if os(Linux)
      if let frame = simulated(address) { PhysicalWindow.store32(frame, word: Int(address & 0xfc) &>> 2, value) }
    #else
      Ports.out32(0xcf8, address)
      Ports.out32(0xcfc, value)
    #endif
  }

  /// Writes one half of the register at an address: the upper one if `upper`.
  public mutating func write16(_ address: UInt32, upper: Bool, _ value: UInt16) {
    #if os(Linux)
      let old = read32(address)
      write32(address, upper ? old & 0xffff | UInt32(value) &<< 16 : old & 0xffff_0000 | UInt32(value))
    #else
      Ports.out32(0xcf8, address)
      Ports.out16(upper ? 0xcfe : 0xcfc, value)
    #endif
  }

  #if os(Linux)
    private func simulated(_ address: UInt32) -> MachineFrame? {
      // SAFETY: 1. This thread's own words.
      guard martlet_simulated.pci_frame != 0, martlet_simulated.pci_function == UInt64(address & 0xffff_ff00) else {
        return nil
      }
      return MachineFrame(martlet_simulated.pci_frame)
    }
  #endif
}
