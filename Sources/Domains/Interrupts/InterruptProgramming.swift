// SPDX-License-Identifier: Apache-2.0
// Bringing the hardware in line with a record: the redirection entry of a line, the message of a function.
import Machine
import XenABI

/// What a function writes to raise an interrupt: to one CPU, by its APIC identifier, as an edge.
struct InterruptMessage: Equatable {
  let address: UInt32
  let data: UInt32

  init(vector: UInt8, apicID: UInt32) {
    address = 0xfee0_0000 | (apicID & 0xff) &<< 12
    data = UInt32(vector)
  }
}

extension InterruptState {
  /// Programs an interrupt as its record says.
  func program(_ pirq: UInt32) {
    guard let record = record(pirq), record.vector != 0 else { return }
    switch record.source {
    case .none: break
    case .line:
      guard let (controller, pin) = wiring.pin(gsi: pirq) else { return }
      controller.setEntry(
        pin,
        RedirectionEntry(
          vector: record.vector, apicID: CPUs.apicID(Int(record.cpu)), isLevel: record.isLevel, isLow: record.isLow,
          isMasked: record.isMasked
        ).raw)
    case .message: record.message.program(vector: record.vector, cpu: Int(record.cpu), isMasked: record.isMasked)
    }
  }

  /// Masks or unmasks an interrupt that is programmed already, as its record says.
  func applyMask(_ pirq: UInt32) {
    guard let record = record(pirq), record.vector != 0 else { return }
    switch record.source {
    case .none: break
    case .line: if let (controller, pin) = wiring.pin(gsi: pirq) { controller.setMasked(pin, record.isMasked) }
    case .message: record.message.setMasked(record.isMasked)
    }
  }

  /// Lets nothing through from an interrupt whose record is about to go.
  func silence(_ pirq: UInt32) {
    guard let record = record(pirq) else { return }
    switch record.source {
    case .none: break
    case .line:
      if let (controller, pin) = wiring.pin(gsi: pirq) { controller.setEntry(pin, RedirectionEntry.masked.raw) }
    case .message: record.message.setMasked(true)
    }
  }
}

extension MessageRegisters {
  /// Bits of the capabilities' control word, which is the upper half of their first register.
  static let wide: UInt32 = 1 &<< 23
  static let maskable: UInt32 = 1 &<< 24

  /// Whether it is an entry of a table (MSI-X).
  var isExtended: Bool { table != 0 }

  /// Writes the message, masked meanwhile, and then masks or unmasks it as wanted.
  func program(vector: UInt8, cpu: Int, isMasked: Bool) {
    let message = InterruptMessage(vector: vector, apicID: CPUs.apicID(cpu))
    setMasked(true)
    if isExtended {
      write(table, message.address)
      write(table &+ 4, 0)
      write(table &+ 8, message.data)
    } else if index == 0 {
      // Others of the function's messages differ from the first one in low bits of the data only.
      function.write32(capability &+ 4, message.address)
      if isWide { function.write32(capability &+ 8, 0) }
      function.write16(capability &+ (isWide ? 12 : 8), UInt16(truncatingIfNeeded: message.data))
      // How many messages the function may tell apart: a power of two, in bits 6 to 4 of the control word.
      let control = function.read32(capability) &>> 16 & ~0x70 | UInt32(count.trailingZeroBitCount) &<< 4
      function.write16(capability &+ 2, UInt16(truncatingIfNeeded: control))
    }
    setMasked(isMasked)
  }

  /// Masks or unmasks it, where the function can.
  func setMasked(_ masked: Bool) {
    if isExtended {
      let control = read(table &+ 12)
      write(table &+ 12, masked ? control | 1 : control & ~1)
    } else if isMaskable {
      let register = capability &+ (isWide ? 16 : 12)
      let bit = UInt32(1) &<< UInt32(index)
      let mask = function.read32(register)
      function.write32(register, masked ? mask | bit : mask & ~bit)
    }
  }

  /// Whether it can be kept from coming.
  var canBeMasked: Bool { isExtended || isMaskable }

  private func read(_ address: UInt64) -> UInt32 {
    Ref<InterruptRouting>.shared[].window.withLock { $0?.read32(address) ?? 0 }
  }

  private func write(_ address: UInt64, _ value: UInt32) {
    Ref<InterruptRouting>.shared[].window.withLock { $0?.write32(address, value) }
  }
}
