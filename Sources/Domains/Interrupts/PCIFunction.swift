// SPDX-License-Identifier: Apache-2.0
// A PCI function and what the hypervisor does in its configuration space: finding the registers of its interrupts.
import Machine
import XenABI

/// A function of PCI segment 0, by its place.
public struct PCIFunction: Equatable, BitwiseCopyable {
  /// The bus number.
  public let bus: UInt8
  /// Device number in bits 7 to 3, function number in bits 2 to 0.
  public let devfn: UInt8

  /// The function with a bus number and a device and function number.
  public init(bus: UInt8, devfn: UInt8) {
    self.bus = bus
    self.devfn = devfn
  }

  /// The identifiers of the capabilities that interrupts need.
  static let messageCapability: UInt8 = 0x05
  static let extendedCapability: UInt8 = 0x11

  func read32(_ register: UInt8) -> UInt32 {
    Ref<Hypervisor>.shared[].configuration.withLock {
      $0.read32(PCIConfigurationPorts.address(bus: bus, function: devfn, register: register))
    }
  }

  func write32(_ register: UInt8, _ value: UInt32) {
    Ref<Hypervisor>.shared[].configuration.withLock {
      $0.write32(PCIConfigurationPorts.address(bus: bus, function: devfn, register: register), value)
    }
  }

  /// Writes the 16-bit register at an even offset.
  func write16(_ register: UInt8, _ value: UInt16) {
    Ref<Hypervisor>.shared[].configuration.withLock {
      $0.write16(
        PCIConfigurationPorts.address(bus: bus, function: devfn, register: register), upper: register & 2 != 0, value)
    }
  }

  /// Whether there is such a function. (Virtual functions do not say so themselves.)
  public var exists: Bool { read32(0) & 0xffff != 0xffff }

  /// Where a capability is; nil if the function has none such.
  func capability(_ identifier: UInt8) -> UInt8? {
    guard read32(4) &>> 16 & 0x10 != 0 else { return nil }
    var at = UInt8(truncatingIfNeeded: read32(0x34)) & 0xfc
    // No list is longer than the space has room for: a device that gives a loop is not followed for ever.
    for _ in 0..<48 where at >= 0x40 {
      let header = read32(at)
      guard header != UInt32.max else { return nil }
      if UInt8(truncatingIfNeeded: header) == identifier { return at }
      at = UInt8(truncatingIfNeeded: header &>> 8) & 0xfc
    }
    return nil
  }

  /// The physical address that a memory base address register decodes; nil for I/O ports, an unset one, or a number from 6 on.
  func memoryBase(_ index: UInt8) -> UInt64? {
    guard index < 6 else { return nil }
    let low = read32(0x10 &+ index &* 4)
    guard low & 1 == 0 else { return nil }
    var base = UInt64(low & 0xffff_fff0)
    if low &>> 1 & 3 == 2 {
      guard index < 5 else { return nil }
      base |= UInt64(read32(0x14 &+ index &* 4)) &<< 32
    }
    return base != 0 ? base : nil
  }

  /// Whether the function answers at its memory addresses.
  var decodesMemory: Bool { read32(4) & 2 != 0 }
}
