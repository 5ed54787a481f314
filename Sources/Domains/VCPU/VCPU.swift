// SPDX-License-Identifier: Apache-2.0
// A virtual CPU: the state of one CPU as its guest believes it to be, and where it stands in the machine.
//
// Most fields belong to the CPU on which the vCPU runs, or to whoever has paused it: only one of those touches them, so they
// need no lock. Fields that others use at any time are atomic.
import Machine
import Scheduling
import XenABI

/// One vCPU.
public struct VCPU: ~Copyable {
  // ---- Fixed ----

  /// Its number within its domain.
  public let id: VCPUID
  /// Its domain.
  public let domain: Ref<Domain>
  /// Where its FPU and vector registers are while it does not run.
  public let extendedState: ExtendedStateArea
  /// The frame that the record is in; behind the record it has trap handlers, and the extended state if there is room
  /// (`VCPURoom`).
  let room: MachineFrame
  /// The number of a frame of trap handlers for the vectors that few guests use, plus one; zero before the first. Set once.
  var rareTraps = AtomicWord(0)
  /// The frame of the hypervisor's own that its `vcpu_info` is in until the guest names one; only for vCPUs beyond those of
  /// the shared page.
  var hiddenInfo: MachineFrame? = nil
  /// The next free record, while this one is free: under the lock of the pool.
  var nextFree: Ref<VCPU>? = nil

  // ---- Atomic: other CPUs set these ----

  /// Its handle for the scheduler, and what the scheduler keeps of it: under the lock of the run queue of `home`.
  public let index: EntityIndex
  /// What the scheduler keeps of it, under the same lock.
  public var entity: BVTEntity

  /// The number of the CPU in whose run queue it is; `nowhere` while it is in none (rule H3, Running/Scheduler+Homes.swift).
  public internal(set) var home = AtomicWord(VCPU.nowhere)
  /// No queue's number.
  static var nowhere: UInt64 { UInt64.max }
  /// Whether some run queue has it, or it is on its way from one to another: from `Scheduler.admit` to `Scheduler.withdraw`.
  public var isScheduled = false
  /// Where it is wanted to run. Under the lock of `Hypervisor.pools`.
  public var affinity = VCPUAffinity()
  /// What it is doing, and what holds it back (`VCPUHold`).
  public var holds = AtomicWord(VCPUHold.down)
  /// The CPU it runs on or last ran on.
  public var cpu = AtomicWord(0)
  /// Whether it is running at this moment on `cpu`. That CPU sets it by a locked operation and looks at `pending` and the upcall
  /// then; whoever makes something pending looks at it then (`kick`).
  public var isRunning = AtomicWord(0)
  /// Whether its registers are in the hardware of `cpu`, whether it runs or not.
  public var isLoaded = AtomicWord(0)
  /// Events that its guest must be told of regardless of its mask (`VCPUPending`).
  public var pending = AtomicWord(0)

  // ---- The guest's registers ----

  /// General registers while it does not run; while it runs they are in the frame on its CPU's stack.
  public var registers = TrapFrame.zero
  /// Data segment selectors while it does not run.
  public var ds: UInt16 = 0
  /// As `ds`.
  public var es: UInt16 = 0
  /// As `ds`.
  public var fs: UInt16 = 0
  /// As `ds`.
  public var gs: UInt16 = 0
  /// Segment bases while it does not run. While it runs in kernel mode the hardware's active GS base is the kernel's.
  public var fsBase: UInt64 = 0
  /// The kernel's GS base.
  public var gsBaseKernel: UInt64 = 0
  /// User mode's GS base.
  public var gsBaseUser: UInt64 = 0
  /// Debug registers 0 to 3, 6, 7 at their numbers.
  public var debug = InlineArray<8, UInt64>(repeating: 0)
  /// CR0 as the guest believes it to be: only TS has an effect.
  public var cr0: UInt64 = 0x8005_0033
  /// CR4 as the guest believes it to be; `loadCR4` says what has an effect.
  public var cr4: UInt64 = 0
  /// XCR0 as the guest has set it.
  public var xcr0: UInt64 = 1
  /// TSC_AUX as the guest has set it.
  public var tscAux: UInt64 = 0
  /// Whether the guest runs in kernel mode, which to the CPU is ring 3 as well.
  public var isKernelMode = true
  /// The I/O privilege level that the guest has asked for (0 to 3).
  public var ioPrivilege: UInt8 = 0
  /// Whether the guest's FPU use traps (`fpu_taskswitch`).
  public var taskSwitched = false

  // ---- What the guest has registered ----

  /// The top-level page tables: kernel mode's and user mode's. Each holds a reference and a use as level 4.
  public var kernelTable: MachineFrame? = nil
  /// User mode's; see `kernelTable`.
  public var userTable: MachineFrame? = nil
  /// Where exceptions from user mode find the kernel's stack.
  public var kernelStackSegment: UInt64 = 0
  /// The stack pointer that goes with the segment.
  public var kernelStackPointer: UInt64 = 0
  /// Entry points: events, failsafe, SYSCALL from 64-bit and 32-bit code, SYSENTER, NMI. Zero: none.
  public var callbacks = GuestCallbacks()
  /// The frames of its GDT, and how many descriptors count. Each holds a reference and a use as descriptor page.
  public var gdtFrames = InlineArray<16, MachineFrame>(repeating: .invalid)
  /// How many descriptors of the GDT count.
  public var gdtEntries = 0
  /// Where its LDT is, in its own address space, and how many descriptors it has.
  public var ldtBase: UInt64 = 0
  /// How many descriptors the LDT has.
  public var ldtEntries = 0
  /// I/O port permissions of user mode: where the guest keeps its bitmap and how many ports it covers.
  public var ioBitmap: UInt64 = 0
  /// How many ports the bitmap covers.
  public var ioBitmapPorts: UInt32 = 0

  // ---- Shared with the guest ----

  /// Where its `vcpu_info` is: in the domain's shared page, or in a frame that the guest has registered (which then holds a
  /// writable use).
  public var info: VCPUInfoPlace
  /// Whether that is a frame that the guest has registered.
  public var hasOwnInfo = false
  /// Not zero while a CPU gives it its first state, moves its `vcpu_info` (two at once would lose what the first one took) or
  /// inspects it (the first one to end would let it run under the other's eyes).
  var claim = AtomicWord(0)
  /// What it has met with that a debugger is to hear of: one more than the vector; zero for nothing.
  var debugEvent = AtomicWord(0)
  /// Whether it has been given a state to start with.
  public var isInitialised = false
  /// Where the guest wants its `vcpu_time_info` and runstate, by its own addresses; nil if nowhere.
  public var timeArea: LinearAddress? = nil
  /// Where its runstate is wanted; see `timeArea`.
  public var runstateArea: LinearAddress? = nil

  // ---- Time ----

  /// The line of time that it has been given, by `SystemClock.stamp`; zero if it needs another.
  var clockStamp: UInt64 = 0
  /// How far it had seen time come when it was last taken out of a CPU; only kept where counters are not stable.
  var timeReached: UInt64 = 0
  /// By how much it is ahead of the clock of the CPU that it is on; likewise.
  var timeLead: UInt64 = 0
  /// The version that stands in the area that it has registered for its time.
  var areaVersion: UInt32 = 0
  /// Its deadlines.
  public var timers = Lock<VCPUTimers>(.vcpuTimers, VCPUTimers())
  /// Its place in the timer queue that it is in; -1 if in none. Under that queue's lock (see Time/VCPUTimers.swift).
  public var timerPlace = -1
  /// The ports of the virtual interrupts that it has for itself. Under its domain's lock of rank `events`.
  var interruptPorts = VirtualInterruptPorts()
  /// What to wait for while polling (`SCHEDOP_poll`): whether it polls.
  public var isPolling = AtomicWord(0)

  /// A vCPU that is down.
  public init(
    id: VCPUID, domain: Ref<Domain>, index: EntityIndex, info: VCPUInfoPlace, extendedState: ExtendedStateArea,
    room: MachineFrame, now: UInt64
  ) {
    self.index = index
    entity = BVTEntity(now: now)
    self.id = id
    self.domain = domain
    self.info = info
    self.extendedState = extendedState
    self.room = room
  }
}

/// Bits of `VCPU.holds`: a vCPU may run when none is set.
public enum VCPUHold {
  /// Not brought up yet, or taken down (VCPUOP_down).
  public static let down: UInt64 = 1
  /// Waiting for an event (SCHEDOP_block, SCHEDOP_poll).
  public static let blocked: UInt64 = 2
  /// Its domain is paused by the toolstack (`Domain.pauseCount`).
  public static let paused: UInt64 = 4
  /// Its domain has shut down.
  public static let shutDown: UInt64 = 8
  /// Its domain is being destroyed.
  public static let dying: UInt64 = 16
  /// The toolstack is looking at its registers, or changing them.
  public static let inspected: UInt64 = 32
  /// A debugger has stopped it.
  public static let debugger: UInt64 = 64
}

/// Bits of `VCPU.pending`.
public enum VCPUPending {
  /// A non-maskable interrupt waits.
  public static let nmi: UInt64 = 1
  /// The NMI handler has not returned yet.
  public static let nmiActive: UInt64 = 2
}

/// A guest kernel's entry points, as linear addresses; zero where it has none.
public struct GuestCallbacks: BitwiseCopyable {
  /// The event callback.
  public var event: UInt64 = 0
  /// The failsafe callback.
  public var failsafe: UInt64 = 0
  /// SYSCALL from 64-bit code.
  public var syscall: UInt64 = 0
  /// SYSCALL from 32-bit code.
  public var syscall32: UInt64 = 0
  /// SYSENTER.
  public var sysenter: UInt64 = 0
  /// The NMI callback.
  public var nmi: UInt64 = 0
  /// Whether entering through them masks events.
  public var failsafeMasksEvents = false
  /// Whether entering by SYSCALL masks events.
  public var syscallMasksEvents = false
  /// The same for SYSCALL from 32-bit code.
  public var syscall32MasksEvents = false
  /// The same for SYSENTER.
  public var sysenterMasksEvents = false

  /// No entry points.
  public init() {}
}
