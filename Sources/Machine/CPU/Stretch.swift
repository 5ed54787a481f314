// SPDX-License-Identifier: Apache-2.0
// One deadline for each entry into the hypervisor.
//
// Interrupts are off in the hypervisor, so the time from an entry to the next chance for interrupts, a *stretch*, must be
// short. A stretch begins at every entry and wherever interrupts have been let in, and all that is done in it shares one
// deadline: a list of calls, each call of the list, what these do to page tables, and what is left for the way out.
//
//   B1  A loop whose length a guest chooses spends a unit of the stretch for each step, more for a step that takes longer, and
//       asks before the next step whether the stretch is over. If so, it leaves what is left for another stretch.
//   B2  The stretch is never over before a unit has been spent: so every stretch gets somewhere, however late it is.
//
// A unit is some 200 instructions: an entry of a table or of a list. The clock is looked at every few units only, and not at
// all by short calls. In host tests time stands still, and a test says after how many units each stretch is over
// (Testing/Simulation.swift): so it can stop an operation at every step at which it could ever stop.
import CMachine

/// The stretch at work on this CPU.
public enum Stretch {
  /// How long a stretch may take before it is over, in nanoseconds. What is under way then is still finished.
  @usableFromInline static let nanoseconds: UInt64 = 100_000
  /// Units before the first look at the clock: a short call spends fewer.
  @usableFromInline static let unitsAtFirst: Int32 = 8
  /// Units between two looks.
  @usableFromInline static let unitsPerLook: Int32 = 32

  /// What it takes to have other CPUs flush, in units.
  public static let flushRound: Int32 = 32
  /// What it takes to copy or clear a frame.
  public static let frame: Int32 = 4

  /// A stretch begins, with an entry.
  @inlinable @inline(__always)
  public static func begin(_ cause: @autoclosure () -> StretchCause) {
    begin()
    if isMeasured { startWatch(cause()) }
  }

  /// A stretch begins: interrupts have just been let in.
  @inlinable @inline(__always)
  public static func begin() {
    // SAFETY: 1. This CPU's own words.
    let info = unsafe martlet_current_stack_info()
    unsafe info.pointee.stretch_left = unitsAtFirst
    unsafe info.pointee.stretch_end = 0
  }

  /// Some units of work have been done.
  @inlinable @inline(__always)
  public static func spend(_ units: Int32 = 1) {
    // SAFETY: 1. This CPU's own word.
    unsafe martlet_current_stack_info().pointee.stretch_left &-= units
  }

  /// Whether it is time to stop (B1). Never before something has been spent (B2).
  @inlinable @inline(__always)
  public static var isOver: Bool {
    #if os(Linux)
      return isOverInSimulation
    #else
      // SAFETY: 1. This CPU's own word.
      return unsafe martlet_current_stack_info().pointee.stretch_left <= 0 && look()
    #endif
  }

  /// Looks at the clock; gives whether the time is up.
  @usableFromInline @inline(never)
  static func look() -> Bool {
    // SAFETY: 1. This CPU's own words.
    let info = unsafe martlet_current_stack_info()
    let ticks = martlet_stretch_ticks
    // Before the clock runs nobody waits.
    guard ticks != 0 else { return false }
    let now = UInt32(truncatingIfNeeded: martlet_rdtsc() &>> 6)
    if unsafe info.pointee.stretch_end == 0 {
      // The first look: work that has been done in one go is taken for what it usually takes.
      let spent = UInt64(UInt32(bitPattern: unsafe unitsAtFirst &- info.pointee.stretch_left))
      let end = now &+ UInt32(truncatingIfNeeded: (ticks &- min(ticks, spent &* ticks / 1024)) &>> 6)
      unsafe info.pointee.stretch_end = max(end, 1)
    }
    if Int32(bitPattern: unsafe now &- info.pointee.stretch_end) >= 0 { return true }
    unsafe info.pointee.stretch_left = unitsPerLook
    return false
  }

  /// The time, by the counter; for `hasPassed`.
  public static var time: UInt64 { martlet_rdtsc() }

  /// Whether the time that so many stretches may take has passed since `time` was that. Always in host tests.
  public static func hasPassed(stretches: UInt64, since: UInt64) -> Bool {
    martlet_rdtsc() &- since >= martlet_stretch_ticks &* stretches
  }

  /// Says how fast the counter runs. At boot, before there are guests.
  public static func setRate(hertz: UInt64) {
    martlet_stretch_ticks = max(hertz / (1_000_000_000 / nanoseconds), 1)
  }

  #if os(Linux)
    /// Host tests: how many units have been spent since the stretch began.
    @usableFromInline static var isOverInSimulation: Bool {
      let limit = martlet_simulated.stretch_units
      return limit != 0 && spent >= limit
    }
    static var spent: Int { unsafe Int(unitsAtFirst &- martlet_current_stack_info().pointee.stretch_left) }
  #endif
}
