// SPDX-License-Identifier: Apache-2.0
// One I/O APIC: a selector and a data register in front of a table of interrupt redirections.
import CMachine

/// An I/O APIC, by the address at which its registers are mapped. Callers serialise: selector and data are two accesses.
public struct IOAPIC: BitwiseCopyable {
  let base: UInt64
  /// The first global system interrupt it serves.
  public let firstGSI: UInt32
  /// The identifier that ACPI gives it.
  public let identifier: UInt8
  /// How many interrupts it serves.
  public let pins: Int
  /// The physical address of its registers.
  public let physical: UInt64

  /// The I/O APIC whose registers boot has mapped at page `slot` of the hypervisor's device pages.
  public init(slot: Int, physical: UInt64, firstGSI: UInt32, identifier: UInt8) {
    base = HypervisorSpace.devicePage(slot) &+ (physical & 0xfff)
    self.firstGSI = firstGSI
    self.identifier = identifier
    self.physical = physical
    #if os(Linux)
      pins = 24
    #else
      martlet_mmio_write32(base, 1)
      pins = Int(martlet_mmio_read32(base &+ 0x10) &>> 16 & 0xff) &+ 1
    #endif
  }

  // In host tests the registers are the words of the simulated frame at the controller's physical address.
  /// Reads a register, by its index.
  public func read(_ register: UInt8) -> UInt32 {
    #if os(Linux)
      return PhysicalWindow.load32(MachineFrame(physical: physical), word: Int(register))
    #else
      martlet_mmio_write32(base, UInt32(register))
      return martlet_mmio_read32(base &+ 0x10)
    #endif
  }
  /// Writes a register, by its index.
  public func write(_ register: UInt8, _ value: UInt32) {
    #if os(Linux)
      PhysicalWindow.store32(MachineFrame(physical: physical), word: Int(register), value)
    #else
      martlet_mmio_write32(base, UInt32(register))
      martlet_mmio_write32(base &+ 0x10, value)
    #endif
  }

  /// The redirection entry of a pin below `pins`.
  public func entry(_ pin: Int) -> UInt64 {
    let register = UInt8(truncatingIfNeeded: 0x10 &+ 2 &* pin)
    return UInt64(read(register &+ 1)) &<< 32 | UInt64(read(register))
  }

  /// Sets the redirection entry of a pin: masked while the two halves do not fit together.
  public func setEntry(_ pin: Int, _ value: UInt64) {
    let register = UInt8(truncatingIfNeeded: 0x10 &+ 2 &* pin)
    write(register, UInt32(truncatingIfNeeded: value) | 0x1_0000)
    write(register &+ 1, UInt32(truncatingIfNeeded: value &>> 32))
    write(register, UInt32(truncatingIfNeeded: value))
  }

  /// Masks or unmasks a pin.
  public func setMasked(_ pin: Int, _ masked: Bool) {
    let register = UInt8(truncatingIfNeeded: 0x10 &+ 2 &* pin)
    let low = read(register)
    write(register, masked ? low | 0x1_0000 : low & ~0x1_0000)
  }
}

/// The two legacy interrupt controllers: remapped out of the way and masked for good.
public enum LegacyPIC {
  /// Masks all of its lines, after moving them out of the exceptions' range.
  public static func disable() {
    martlet_out8(0x20, 0x11)
    martlet_out8(0xa0, 0x11)
    martlet_out8(0x21, 0xe0)
    martlet_out8(0xa1, 0xe8)
    martlet_out8(0x21, 4)
    martlet_out8(0xa1, 2)
    martlet_out8(0x21, 1)
    martlet_out8(0xa1, 1)
    martlet_out8(0x21, 0xff)
    martlet_out8(0xa1, 0xff)
  }
}
