// SPDX-License-Identifier: Apache-2.0
// The time-stamp counter as a domain sees it: the machine's own, or one that is computed from system time (XEN_DOMCTL_settscinfo;
// xen-tscmode(7) tells what each mode promises). Pure but for the last part.
import Machine

/// How a domain reads the counter.
public struct VirtualCounter: BitwiseCopyable, Equatable {
  /// What the toolstack has asked for (tsc_mode in `struct xen_domctl_tsc_info`).
  public enum Mode: UInt32, BitwiseCopyable {
    /// TSC_MODE_DEFAULT: the machine's own where that is safe and as fast as the one that the domain was started with.
    case standard = 0
    /// TSC_MODE_ALWAYS_EMULATE
    case alwaysEmulated = 1
    /// TSC_MODE_NEVER_EMULATE
    case neverEmulated = 2
  }

  /// The mode.
  public private(set) var mode: Mode
  /// Ticks in a millisecond, as the domain takes it to be.
  public private(set) var kilohertz: UInt32
  /// How often it has been moved or restored, by the toolstack's count.
  public private(set) var incarnation: UInt32
  /// Whether reading the counter is emulated.
  public private(set) var isEmulated: Bool
  /// The system time at which an emulated counter was zero; may lie before time zero, then it wraps.
  private var zero: UInt64

  /// Rates that differ by less count as one: two measurements of the same counter may, by some 10 ppm each, and a clock that is
  /// 100 ppm wrong is what NTP corrects easily.
  public static var tolerance: UInt64 { 100 }

  /// The machine's own counter, at its rate in kHz.
  public static func native(kilohertz: UInt32) -> VirtualCounter {
    VirtualCounter(mode: .standard, kilohertz: kilohertz, incarnation: 0, isEmulated: false, zero: 0)
  }

  private init(mode: Mode, kilohertz: UInt32, incarnation: UInt32, isEmulated: Bool, zero: UInt64) {
    self.mode = mode
    self.kilohertz = kilohertz
    self.incarnation = incarnation
    self.isEmulated = isEmulated
    self.zero = zero
  }

  /// What a domain gets by the toolstack's wish. `kilohertz`, zero for the machine's own, is the rate that it was started with;
  /// `elapsed` is how many nanoseconds its counter has counted so far; `now` is system time. Nil for a rate that no counter has.
  public init?(
    mode: Mode, kilohertz: UInt32, incarnation: UInt32, elapsed: UInt64, machine: UInt32, isStable: Bool, now: UInt64
  ) {
    let rate = kilohertz == 0 ? machine : kilohertz
    guard rate >= 1000, rate <= 100_000_000 else { return nil }
    let difference = UInt64(rate > machine ? rate &- machine : machine &- rate)
    let isSame = difference &* 1_000_000 <= UInt64(machine) &* VirtualCounter.tolerance
    self.mode = mode
    self.incarnation = incarnation
    switch mode {
    case .standard: isEmulated = !isStable || !isSame
    case .alwaysEmulated: isEmulated = true
    case .neverEmulated: isEmulated = false
    }
    self.kilohertz = isEmulated ? rate : machine
    zero = now &- elapsed
  }

  /// An emulated counter's value at a system time.
  public func value(at time: UInt64) -> UInt64 {
    // A toolstack's number may be anything; what does not fit harms its domain only.
    Ratio.scaled(time &- zero, by: UInt64(kilohertz), over: 1_000_000)
  }

  /// How an emulated counter becomes nanoseconds.
  public var scale: TickScale { TickScale(hertz: UInt64(kilohertz) &* 1000) }

  /// How many nanoseconds the domain's counter has counted at a system time, given the machine's own.
  public func elapsed(at time: UInt64, machine counter: UInt64, hertz: UInt64) -> UInt64 {
    isEmulated ? time &- zero : Ratio.scaled(counter, by: 1_000_000_000, over: max(hertz, 1))
  }
}

extension Ref where T == VCPU {
  /// The counter as the vCPU reads it now, on the CPU that runs it.
  var counter: UInt64 {
    let virtual = self[].domain[].counter
    guard virtual.isEmulated else { return SystemClock.counter }
    return virtual.value(at: Ref<PhysicalCPU>.current[].clock.now &+ (Timekeeping.isStable ? 0 : self[].timeLead))
  }

  /// Whether RDTSC that has faulted is to be carried out: always for a kernel, and for applications unless it is their own kernel that
  /// keeps them from it.
  var mayReadCounter: Bool {
    self[].isKernelMode || self[].domain[].counter.isEmulated && self[].cr4 & CR4.timeStampDisable == 0
  }
}

extension Ref where T == Domain {
  /// Changes how the domain reads the counter. None of its vCPUs may be in a CPU; each finds the change when it is entered.
  public func setCounter(_ counter: VirtualCounter) {
    self[].counter = counter
    for index in 0..<self[].maximumVCPUs {
      guard let vcpu = self[].vcpu(index: index) else { continue }
      vcpu.publishTime()
      // Once more when it is entered, for the area that only it can write.
      vcpu.askForTime()
    }
  }
}
