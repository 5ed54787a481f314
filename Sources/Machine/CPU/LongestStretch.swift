// SPDX-License-Identifier: Apache-2.0
// The longest stretch with interrupts off that each CPU has had, and what began it: for people who want to know, and for the
// tests that hold the bound. While nobody measures, an entry pays for this with one look at a flag, and an exit with nothing:
// who measures sets a bit of work that takes every exit the slow way (Domains/Running/GuestExit.swift).
import CMachine

/// What a stretch began with.
public struct StretchCause: BitwiseCopyable, Equatable {
  /// As it is kept.
  public let raw: UInt64
  @inlinable init(raw: UInt64) { self.raw = raw }

  /// SYSCALL, with what was in RAX, and the low half of RDI, where many hypercalls have their sub-operation.
  @inlinable public static func call(_ number: UInt64, _ first: UInt64) -> StretchCause {
    StretchCause(raw: 1 &<< 63 | (number & 0xff) &<< 32 | first & 0xffff_ffff)
  }
  /// An exception or interrupt.
  @inlinable public static func vector(_ vector: UInt8) -> StretchCause { StretchCause(raw: UInt64(vector)) }

  /// Whether it was SYSCALL.
  public var isCall: Bool { raw &>> 63 != 0 }
  /// The hypercall's or the vector's number.
  public var number: UInt64 { isCall ? raw &>> 32 & 0xff : raw }
  /// The call's first argument, of which the low half is kept.
  public var argument: UInt64 { raw & 0xffff_ffff }
}

extension Stretch {
  /// Whether stretches are measured.
  @inlinable @inline(__always)
  public static var isMeasured: Bool {
    martlet_stretches_measured != 0
  }

  /// Measures from now on.
  public static func startMeasuring() {
    // SAFETY: 1. A static word.
    unsafe martlet_store64(&martlet_stretches_measured, 1)
  }

  @usableFromInline @inline(never)
  static func startWatch(_ cause: StretchCause) {
    // SAFETY: 1. This CPU's own words.
    let info = unsafe martlet_current_stack_info()
    unsafe info.pointee.stretch_cause = cause.raw
    unsafe info.pointee.stretch_start = martlet_rdtsc()
  }

  /// The stretch at work is about to end: notes its length, if it is this CPU's longest.
  public static func measure() {
    guard isMeasured else { return }
    // SAFETY: 1. This CPU's own words; 2. others read the longest, or begin it anew, and may then see a mixture of two.
    let info = unsafe martlet_current_stack_info()
    let start = unsafe info.pointee.stretch_start
    // What was at work when the measuring began has no start.
    guard start != 0 else { return }
    let length = martlet_rdtsc() &- start
    let record = unsafe CPUs.record(CPUs.current)
    if unsafe length > martlet_load64(&record.pointee.longest_stretch) {
      unsafe martlet_store64(&record.pointee.longest_cause, info.pointee.stretch_cause)
      unsafe martlet_store64(&record.pointee.longest_stretch, length)
    }
  }

  /// Another stretch of the same entry begins: interrupts have been let in, or what was before is not to be counted.
  public static func resume() {
    begin()
    guard isMeasured else { return }
    // SAFETY: 1. This CPU's own words.
    unsafe martlet_current_stack_info().pointee.stretch_start = martlet_rdtsc()
  }

  /// The longest stretch of a CPU since this was last asked, in ticks of the counter, and what it began with.
  public static func takeLongest(of cpu: Int) -> (ticks: UInt64, cause: StretchCause) {
    // SAFETY: 1. Checked index; 2. words that are read and written whole.
    let record = unsafe CPUs.record(cpu)
    let cause = unsafe StretchCause(raw: martlet_load64(&record.pointee.longest_cause))
    let ticks = unsafe martlet_load64(&record.pointee.longest_stretch)
    unsafe martlet_store64(&record.pointee.longest_stretch, 0)
    return (ticks, cause)
  }
}
