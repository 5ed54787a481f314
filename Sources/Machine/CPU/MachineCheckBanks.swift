// SPDX-License-Identifier: Apache-2.0
// The registers in which a CPU tells of errors of the hardware's own: a global status, and a bank for each part of the machine
// (memory controller, caches, buses). Numbers and bits are those of the processor manuals' chapters on machine checks.
import CMachine

/// One error that a bank tells of (IA32_MCi_STATUS, _ADDR, _MISC).
public struct MachineCheckError: BitwiseCopyable {
  /// The bank's number.
  public let bank: Int
  /// IA32_MCi_STATUS.
  public let status: UInt64
  /// IA32_MCi_ADDR; nil where the bank tells none.
  public let address: UInt64?
  /// IA32_MCi_MISC; nil where the bank tells none.
  public let miscellaneous: UInt64?

  /// An error as a bank tells of it.
  public init(bank: Int, status: UInt64, address: UInt64? = nil, miscellaneous: UInt64? = nil) {
    self.bank = bank
    self.status = status
    self.address = address
    self.miscellaneous = miscellaneous
  }

  /// UC: the hardware could not correct it.
  public var isUncorrected: Bool { status &>> 61 & 1 != 0 }
  /// PCC: what the CPU holds may be damaged.
  public var hasCorruptedContext: Bool { status &>> 57 & 1 != 0 }
  /// S: it is one of those of which an exception tells.
  public var isSignalled: Bool { status &>> 56 & 1 != 0 }
  /// AR: whoever runs on this CPU must not go on.
  public var requiresAction: Bool { status &>> 55 & 1 != 0 }
}

/// The banks of the CPU that runs this.
public enum MachineCheckBanks {
  private static func control(_ bank: Int) -> UInt32 {
    MSRNumber.banks.lowerBound &+ 4 &* UInt32(bank)
  }
  private static func status(_ bank: Int) -> UInt32 { control(bank) &+ 1 }

  /// How many there are.
  public static var count: Int {
    guard CPUFeatures.current.machineCheckBanks, let value = Registers.msr(MSRNumber.machineCheckCapabilities) else {
      return 0
    }
    return min(Int(value & 0xff), 64)
  }

  /// Whether an error that nobody has to act on at once is told as such (MCG_SER_P).
  public static var tellsRecoverable: Bool { (Registers.msr(MSRNumber.machineCheckCapabilities) ?? 0) &>> 24 & 1 != 0 }

  /// Whether what was interrupted can be gone on with (RIPV of IA32_MCG_STATUS); false without banks, of which nothing is known.
  public static var canGoOn: Bool { count > 0 && (Registers.msr(MSRNumber.machineCheckStatus) ?? 0) & 1 != 0 }

  /// What a bank tells of; nil if it is nothing.
  public static func error(_ bank: Int) -> MachineCheckError? {
    guard let value = Registers.msr(status(bank)), value &>> 63 != 0 else { return nil }
    return MachineCheckError(
      bank: bank, status: value, address: value &>> 58 & 1 != 0 ? Registers.msr(control(bank) &+ 2) : nil,
      miscellaneous: value &>> 59 & 1 != 0 ? Registers.msr(control(bank) &+ 3) : nil)
  }

  /// Has a bank forget what it tells of.
  public static func clear(_ bank: Int) { Registers.setMSR(status(bank), 0) }

  /// A machine check has been dealt with: the next one is an exception again, and no shutdown.
  public static func finish() { if count > 0 { Registers.setMSR(MSRNumber.machineCheckStatus, 0) } }

  /// Has every bank report errors, and errors be exceptions. Once on each CPU, when it has its interrupt table.
  public static func enable() {
    guard CPUFeatures.current.machineCheck else { return }
    if count > 0 {
      // MCG_CTL_P: there is a switch for all banks.
      if (Registers.msr(MSRNumber.machineCheckCapabilities) ?? 0) &>> 8 & 1 != 0 {
        Registers.setMSR(MSRNumber.machineCheckControl, UInt64.max)
      }
      for bank in 0..<count { Registers.setMSR(control(bank), UInt64.max) }
      finish()
    }
    Registers.cr4 |= CR4.machineCheck
  }
}
