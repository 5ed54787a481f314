// SPDX-License-Identifier: Apache-2.0
// The time that guests read without asking: `vcpu_time_info` in each `vcpu_info`, and the wall clock in the shared page.
//
// A guest computes the time from the counter by the line that it finds there (Machine/Time/SystemClock.swift). The line is that of
// the CPU that the vCPU runs on: it is written again when it has changed, or when the vCPU comes to a CPU with another one, always
// before the guest goes on. Rule K2: a vCPU does not see time go back, whatever CPU it comes to.
import Machine
import XenABI

/// The numbers of `vcpu_time_info` (xen/xen.h) but for its version.
struct GuestTimeLine: BitwiseCopyable {
  /// tsc_timestamp
  var counter: UInt64
  /// system_time
  var time: UInt64
  /// tsc_to_system_mul, tsc_shift
  var scale: TickScale
  /// XEN_PVCLOCK_TSC_STABLE_BIT: the guest's vCPUs may compare what they read, and applications read by vCPU 0's record.
  var isStable: Bool

  /// The last word: multiplier, shift, flags.
  var rates: UInt64 {
    UInt64(scale.multiplier) | UInt64(UInt8(bitPattern: scale.shift)) &<< 32 | (isStable ? 1 &<< 40 : 0)
  }
}

extension Ref where T == VCPU {
  /// Writes the `vcpu_time_info` at the vCPU's info place, as it is on the CPU that runs this.
  public func publishTime() {
    let cpu = Ref<PhysicalCPU>.current
    // Rule K2: on from where it was on another CPU, if that one's clock was ahead.
    let now = cpu[].clock.now
    self[].timeLead = !Timekeeping.isStable && self[].timeReached > now ? self[].timeReached &- now : 0
    let line = timeLine(cpu)
    let (frame, word) = (self[].info.frame, (self[].info.offset &+ VCPUInfoLayout.time) &>> 2)
    // An odd version tells a reader on another CPU to wait (xen/xen.h, vcpu_time_info).
    let version = PhysicalWindow.load32(frame, word: word) | 1
    PhysicalWindow.store32(frame, word: word, version)
    PhysicalWindow.store(frame, word: (word &>> 1) &+ 1, line.counter)
    PhysicalWindow.store(frame, word: (word &>> 1) &+ 2, line.time)
    PhysicalWindow.store(frame, word: (word &>> 1) &+ 3, line.rates)
    PhysicalWindow.store32(frame, word: word, version &+ 1)
    self[].clockStamp = cpu[].clock.stamp
  }

  /// The line for this vCPU on this CPU.
  private func timeLine(_ cpu: Ref<PhysicalCPU>) -> GuestTimeLine {
    let clock = cpu[].clock
    var line = GuestTimeLine(
      counter: clock.stamp, time: clock.base, scale: clock.scale, isStable: Timekeeping.isStable)
    if !line.isStable {
      line.counter = SystemClock.counter
      line.time = clock.time(at: line.counter) &+ self[].timeLead
    }
    let virtual = self[].domain[].counter
    if virtual.isEmulated {
      // The same time, at what the guest reads then.
      line.counter = virtual.value(at: line.time)
      line.scale = virtual.scale
    }
    return line
  }

  /// Writes the line if the guest has another one: it has changed, or this is another CPU. With kernel mode's tables loaded.
  @inline(__always)
  func publishTimeIfNeeded(_ cpu: Ref<PhysicalCPU>) {
    if self[].clockStamp != cpu[].clock.stamp { publishChange(cpu) }
  }

  /// The same for a vCPU whose state is in the hardware, in either mode.
  func republishTime(_ cpu: Ref<PhysicalCPU>) {
    guard self[].clockStamp != cpu[].clock.stamp else { return }
    // What it is ahead by here it stays ahead.
    noteTimeReached(cpu)
    guard !self[].isKernelMode, self[].timeArea != nil, let kernel = self[].kernelTable, let user = self[].userTable
    else {
      return publishChange(cpu)
    }
    TLB.setPageTable(kernel)
    publishChange(cpu)
    Registers.setPageTable(user)
  }

  /// Has the line be written before the vCPU is next entered.
  public func askForTime() { self[].clockStamp = 0 }

  @inline(never)
  private func publishChange(_ cpu: Ref<PhysicalCPU>) {
    publishTime()
    // It may be mapped the next time.
    if !publishTimeArea() { self[].clockStamp = 0 }
    // Applications of the other vCPUs may read the time by a sleeper's area, and only the sleeper can write it.
    let stamp = cpu[].clock.stamp
    guard Timekeeping.isStable, self[].domain[].clockStamp.exchange(stamp) != stamp else { return }
    for index in 0..<self[].domain[].maximumVCPUs {
      if let other = self[].domain[].vcpu(index: index), other != self, other[].timeArea != nil { other.kick() }
    }
  }

  /// Notes how far the guest's time has come, for the CPU that runs it next.
  @inline(__always)
  func noteTimeReached(_ cpu: Ref<PhysicalCPU>) {
    if !Timekeeping.isStable { self[].timeReached = cpu[].clock.now &+ self[].timeLead }
  }

  /// Writes the area that the guest has registered for its `vcpu_time_info`, in the address space that is loaded, by the rules for
  /// one that others read. False if it cannot be written.
  @discardableResult
  public func publishTimeArea() -> Bool {
    guard let area = self[].timeArea else { return true }
    let line = timeLine(Ref<PhysicalCPU>.current)
    self[].areaVersion &+= 2
    let version = UInt64(self[].areaVersion)
    let numbers: InlineArray<3, UInt64> = [line.counter, line.time, line.rates]
    return (try? GuestMemory.write(area, version | 1)) != nil && (try? GuestMemory.write(area + 8, numbers)) != nil
      && (try? GuestMemory.write(area, version &+ 2)) != nil
  }
}

/// The wall clock: what the time of day was at system time zero.
public enum WallClock {
  /// Sets what the time of day was at system time zero, in nanoseconds since 1970, and tells all domains.
  public static func set(base: UInt64) {
    Ref<Hypervisor>.shared[].wallClockBase.store(base)
    for number
      in 0..<UInt16(truncatingIfNeeded: min(Ref<Hypervisor>.shared[].domains.capacity, Int(DomainID.firstReserved)))
    {
      if let domain = Hypervisor.domain(DomainID(number)) { publish(domain) }
    }
  }

  /// Writes the wall clock into a domain's shared page.
  public static func publish(_ domain: Ref<Domain>) {
    // Both are numbers of the toolstack's: they may wrap, and nothing but the guest's clock depends on it.
    let base =
      Ref<Hypervisor>.shared[].wallClockBase.load() &+ domain[].timeOffset.load() &* 1_000_000_000
    let frame = domain[].sharedInfo
    let version = PhysicalWindow.load32(frame, word: SharedInfoLayout.wallClockVersion &>> 2) | 1
    PhysicalWindow.store32(frame, word: SharedInfoLayout.wallClockVersion &>> 2, version)
    PhysicalWindow.store32(
      frame, word: SharedInfoLayout.wallClockSeconds &>> 2, UInt32(truncatingIfNeeded: base / 1_000_000_000))
    PhysicalWindow.store32(
      frame, word: SharedInfoLayout.wallClockSecondsHigh &>> 2,
      UInt32(truncatingIfNeeded: (base / 1_000_000_000) &>> 32))
    PhysicalWindow.store32(
      frame, word: SharedInfoLayout.wallClockNanoseconds &>> 2, UInt32(truncatingIfNeeded: base % 1_000_000_000))
    PhysicalWindow.store32(frame, word: SharedInfoLayout.wallClockVersion &>> 2, version &+ 1)
  }
}
