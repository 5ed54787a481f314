// SPDX-License-Identifier: Apache-2.0
// The time that guests read without asking: `vcpu_time_info` in each `vcpu_info`, and the wall clock in the shared page.
//
// The counter runs at one rate on all CPUs, so the values given at a vCPU's start stay right for ever: system time is zero at
// the counter's value at boot, and the rest is multiplication.
import Machine
import XenABI

extension Ref where T == VCPU {
  /// Writes the `vcpu_time_info` at the vCPU's info place, and at its own area if it has registered one.
  public func publishTime() {
    let place = self[].info
    writeTime(frame: place.frame, offset: place.offset &+ VCPUInfoLayout.time)
  }

  private func writeTime(frame: MachineFrame, offset: Int) {
    let clock = Ref<Hypervisor>.shared[].clock
    // An odd version tells a reader on another CPU to wait (xen/xen.h, vcpu_time_info).
    let version = PhysicalWindow.load32(frame, word: offset &>> 2) | 1
    PhysicalWindow.store32(frame, word: offset &>> 2, version)
    PhysicalWindow.store(frame, word: (offset &+ 8) &>> 3, clock.origin)
    PhysicalWindow.store(frame, word: (offset &+ 16) &>> 3, 0)
    PhysicalWindow.store32(frame, word: (offset &+ 24) &>> 2, clock.scale.multiplier)
    // The shift in the lowest byte, then the flags: the counter is stable across CPUs.
    PhysicalWindow.store32(frame, word: (offset &+ 28) &>> 2, UInt32(UInt8(bitPattern: clock.scale.shift)) | 1 &<< 8)
    PhysicalWindow.store32(frame, word: offset &>> 2, version &+ 1)
  }

  /// The 32 bytes of `vcpu_time_info`, for the area that the guest has registered.
  public var timeRecord: InlineArray<4, UInt64> {
    let clock = Ref<Hypervisor>.shared[].clock
    return [
      2, clock.origin, 0,
      UInt64(clock.scale.multiplier) | UInt64(UInt8(bitPattern: clock.scale.shift)) &<< 32 | 1 &<< 40,
    ]
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
