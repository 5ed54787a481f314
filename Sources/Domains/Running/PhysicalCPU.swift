// SPDX-License-Identifier: Apache-2.0
// One CPU of the machine, as the layers above Machine see it: who runs on it, and what it has to do before it returns to a
// guest.
import Machine
import XenABI

/// One physical CPU's record. Found through the stack (`Ref<PhysicalCPU>.current`); other CPUs only touch `work`.
public struct PhysicalCPU: ~Copyable, PerCPURecord {
  /// Its number.
  public let number: Int
  /// Its area: descriptor tables and stacks.
  public let area: CPUArea
  /// The vCPU whose state the hardware holds; nil on a CPU that idles with nobody's state left.
  public var vcpu: Ref<VCPU>?
  /// What has to be done before the next return to a guest (`CPUWork`). Other CPUs set bits and send an interrupt.
  public var work = AtomicWord(0)
  /// When the timer will interrupt, in system time.
  public var timerDeadline: UInt64 = UInt64.max
  /// LDT pages that show a frame, as bits, so that a switch need only look at those.
  public var ldtPages: UInt16 = 0
  /// GDT pages that show a frame.
  public var gdtPages: UInt16 = 0
  /// The vCPU whose extended state is in this CPU's registers.
  public var extendedStateOwner: Ref<VCPU>?

  public init(number: Int, area: CPUArea) {
    self.number = number
    self.area = area
  }
}

/// Bits of `PhysicalCPU.work`.
public enum CPUWork {
  /// Choose again who runs.
  public static let schedule: UInt64 = 1
  /// Look at the timers.
  public static let timers: UInt64 = 2
  /// Take apart page tables of the running domain.
  public static let teardown: UInt64 = 4
}
