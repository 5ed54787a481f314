// SPDX-License-Identifier: Apache-2.0
// One CPU of the machine, as the layers above Machine see it: who runs on it, and what it has to do before it returns to a
// guest.
import Machine
import Scheduling
import XenABI

/// One physical CPU's record. Found through the stack (`Ref<PhysicalCPU>.current`); other CPUs only touch `work`.
public struct PhysicalCPU: ~Copyable, PerCPURecord {
  /// Its number.
  public let number: Int
  /// The number that ACPI gives its processor, if boot has noted it; its own number otherwise.
  public var acpiID: UInt32
  /// Its area: descriptor tables and stacks.
  public let area: CPUArea
  /// The vCPU whose state the hardware holds, its page tables included; nil on a CPU that idles with nobody's state left.
  public var vcpu: Ref<VCPU>?
  /// What has to be done before the next return to a guest (`CPUWork`). Other CPUs set bits and send an interrupt.
  public var work = AtomicWord(0)
  /// The clock that this CPU goes by (Time/Timekeeping.swift).
  public var clock: SystemClock
  /// By how many ticks its counter is ahead of the first CPU's, as far as is known.
  public var counterOffset: Int64 = 0
  /// The comparison of its clock with the platform timer, where counters are not stable.
  var comparison: ClockComparison?
  /// When it next compares, in system time; `UInt64.max` for never.
  var nextComparison = UInt64.max
  /// When the running vCPU's slice ends, in system time.
  public var sliceEnd: UInt64 = UInt64.max
  /// When it next compares its load with that of other CPUs, in system time; `UInt64.max` if there are none.
  public var nextBalance: UInt64 = 0
  /// When the timer will interrupt, in system time.
  public var timerDeadline: UInt64 = UInt64.max
  /// When it looks after the console's queue again, in system time; `UInt64.max` if it has left nothing there.
  var consolePoll = UInt64.max
  /// LDT pages that show a frame, as bits, so that a switch need only look at those.
  public var ldtPages: UInt16 = 0
  /// The frames that they show, each with a use as descriptor page that belongs to being shown.
  public var ldtFrames = InlineArray<16, MachineFrame>(repeating: .invalid)
  /// A segment register of the vCPU just entered could not be loaded: its failsafe callback is due.
  public var needsFailsafe = false
  /// XCR0 as this CPU has it.
  public var xcr0: UInt64 = 0
  /// TSC_AUX as this CPU has it; what it starts with is nobody's.
  public var timeStampAuxiliary = UInt64.max
  /// Page tables were left to be taken apart when the CPU went idle.
  public var hasTeardown = false
  /// The last fault in the hypervisor that was provided for.
  public var fixedFault = FixedFault(vector: 0, errorCode: 0, address: 0)
  /// How many writes to guest memory were tried again since the CPU last went to a guest (`StaleTranslation`).
  public var staleWrites: UInt32 = 0
  /// Why non-maskable interrupts came that are not handed on yet (XENNMI reasons as in `arch_shared_info.nmi_reason`).
  public var nmiReasons = AtomicWord(0)
  /// How many non-maskable interrupts came for which the machine names no reason.
  public var unknownNMIs = AtomicWord(0)
  /// How many grace periods had begun when this CPU last paused (Domain/Destruction/GracePeriod.swift).
  var lastPause = AtomicWord(0)
  /// GDT pages that show a frame.
  public var gdtPages: UInt16 = 0

  /// Who waits to run here, and who runs.
  public var queue: Lock<RunQueue>
  /// The timers of vCPUs that set them while they ran here.
  public var timers: Lock<TimerQueue>

  /// A CPU that has run nobody yet.
  public init(number: Int, area: CPUArea, timers: consuming TimerQueue) {
    self.number = number
    acpiID = UInt32(truncatingIfNeeded: number)
    self.area = area
    clock = Ref<Hypervisor>.shared[].clock
    queue = Lock(.runQueue, RunQueue(cpu: number))
    self.timers = Lock(.timers, timers)
  }
}

extension PhysicalCPU {
  /// Whether this CPU has nobody to run, or looks for somebody just now. Its last vCPU's state stays in the hardware meanwhile, as
  /// that vCPU is likely to be the next. Set by a locked operation, so that what the CPU looks at then, it sees as it is when
  /// others see that it idles (docs/invariants.md).
  ///
  /// Inlined, or each look would copy the whole record.
  public var isIdle: Bool {
    @inline(__always) get { !Ref<Hypervisor>.shared[].busyCPUs.load().contains(number) }
    @inline(__always) nonmutating set {
      if newValue {
        Ref<Hypervisor>.shared[].busyCPUs.remove(number)
      } else {
        Ref<Hypervisor>.shared[].busyCPUs.insert(number)
      }
    }
  }

  /// Notes that the running domain has dead page tables to be taken apart before its guest goes on (rule T1).
  @inline(__always)
  public static func noteTeardown(_ isEmpty: Bool) {
    if !isEmpty { Ref<PhysicalCPU>.current[].work.fetchOr(CPUWork.teardown) }
  }

  /// Sets XCR0 of the CPU, whose own record this must be. Costs nothing if it stands so.
  mutating func setXCR0(_ value: UInt64) {
    guard CPUFeatures.current.xsave, xcr0 != value else { return }
    _ = Registers.setXCR0(value)
    xcr0 = value
  }
}

/// A fault in the hypervisor that was provided for: what the CPU said of it.
public struct FixedFault: BitwiseCopyable {
  /// The exception's vector.
  public var vector: UInt8
  /// Its error code.
  public var errorCode: UInt32
  /// The address of a page fault; zero for others.
  public var address: UInt64

  /// A fault as the CPU reports it.
  public init(vector: UInt8, errorCode: UInt32, address: UInt64) {
    self.vector = vector
    self.errorCode = errorCode
    self.address = address
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
  /// Look at what has come over the serial line.
  public static let console: UInt64 = 8
  /// Hand a non-maskable interrupt on to Domain 0.
  public static let nmi: UInt64 = 16
  /// Tell who follows the console's ring that there is more in it.
  public static let consoleRing: UInt64 = 32
  /// Go on with the machine's clock as it is now.
  public static let clock: UInt64 = 64
  /// Look after the console's queue before long.
  public static let transmit: UInt64 = 128
  /// Pause: a grace period waits for this CPU to have forgotten what it has found.
  public static let grace: UInt64 = 1 &<< 8
  /// Measure the stretch that ends with the next exit.
  public static let measure: UInt64 = 1 &<< 9
}
