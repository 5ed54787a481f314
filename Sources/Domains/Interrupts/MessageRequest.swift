// SPDX-License-Identifier: Apache-2.0
// A request for a function's messages, and the search for the registers that program them.
import Frames
import Machine
import XenABI

/// Which messages of which function are wanted.
public struct MessageRequest: BitwiseCopyable {
  /// The function.
  public let function: PCIFunction
  /// The entry of its table that is wanted (MSI-X); nil for MSI.
  public let entry: UInt32?
  /// Where the caller believes the memory to be that the table lies in. Used only where the function's own base address
  /// register does not say: those of virtual functions read as zero.
  public let tableBase: UInt64
  /// How many messages: a power of two up to 32; 1 for MSI-X.
  public let count: Int

  /// MSI: `count` messages.
  public init(function: PCIFunction, count: Int) {
    self.function = function
    entry = nil
    tableBase = 0
    self.count = count
  }

  /// MSI-X: one entry of the table.
  public init(function: PCIFunction, entry: UInt32, tableBase: UInt64) {
    self.function = function
    self.entry = entry
    self.tableBase = tableBase
    count = 1
  }

  /// The registers.
  ///
  /// - Throws: `noDevice` if the function has no such messages; `noSuchDevice` if its table cannot be reached: an entry beyond
  ///   its end, memory that it does not decode, or an address that is not device memory.
  func find() throws(XenError) -> MessageRegisters {
    var registers = MessageRegisters()
    registers.function = function
    if let entry { return try find(entry: entry, registers) }
    guard let capability = function.capability(PCIFunction.messageCapability) else { throw .noDevice }
    let control = function.read32(capability)
    // How many the function can send: a power of two in bits 3 to 1 of the control word.
    guard count <= 1 &<< Int(control &>> 17 & 7) else { throw .noDevice }
    registers.capability = capability
    registers.isWide = control & MessageRegisters.wide != 0
    registers.isMaskable = control & MessageRegisters.maskable != 0
    registers.count = UInt8(count)
    return registers
  }

  private func find(entry: UInt32, _ start: MessageRegisters) throws(XenError) -> MessageRegisters {
    var registers = start
    guard let capability = function.capability(PCIFunction.extendedCapability) else { throw .noDevice }
    let control = function.read32(capability)
    // The table has one entry more than bits 10 to 0 of the control word say.
    guard entry <= control &>> 16 & 0x7ff, function.decodesMemory else { throw .noSuchDevice }
    let place = function.read32(capability &+ 4)
    let base = function.memoryBase(UInt8(place & 7)) ?? tableBase
    let (table, wrapped) = base.addingReportingOverflow(UInt64(place & 0xffff_fff8) &+ UInt64(entry) &* 16)
    let frame = MachineFrame(physical: table)
    // Nothing is written to RAM, nor to the interrupt controllers.
    guard base != 0, !wrapped, table & 7 == 0, table < 1 &<< 52, MessageRequest.isDeviceMemory(frame)
    else { throw .noSuchDevice }
    registers.capability = capability
    registers.table = table
    return registers
  }

  private static func isDeviceMemory(_ frame: MachineFrame) -> Bool {
    ledger[].owner(frame) == .io && !ledger[].forbiddenDevices.contains(frame.number)
  }
}
