// SPDX-License-Identifier: Apache-2.0
// Who panics, and where the other CPUs were when it happened. It works without locks and before anything is set up.
import CMachine

/// The machine-wide state of a panic. One CPU panics and tells of it; the others stop and leave their registers behind.
public enum PanicState {
  /// What a CPU that finds a bug is to do about it.
  public enum Claim {
    /// It is the first: it tells, and ends the machine.
    case first
    /// Telling has itself led to a bug.
    case nested
    /// Another CPU was first: this one stops.
    case late
  }

  /// This CPU has found a bug, in `frame`.
  public static func claim(_ frame: Ref<TrapFrame>) -> Claim {
    let me = UInt64(CPUs.current) &+ 1
    // SAFETY: 1. A static atomic word.
    let owner = unsafe martlet_cas64(&martlet_panic_owner, 0, me)
    if owner == me { return .nested }
    record(frame)
    return owner == 0 ? .first : .late
  }

  /// Counts bugs found while the panic is told; gives how many there have been.
  public static func countNested() -> UInt64 {
    // SAFETY: 1. A static atomic word.
    unsafe martlet_add64(&martlet_panic_nested, 1) &+ 1
  }

  /// Whether some CPU has panicked.
  @inlinable public static var isUnderway: Bool {
    // SAFETY: 1. A static atomic word.
    unsafe martlet_load64(&martlet_panic_owner) != 0
  }

  /// Whether this CPU is the one that panicked.
  @inlinable public static var isOurs: Bool {
    // SAFETY: 1. A static atomic word.
    let owner = unsafe martlet_load64(&martlet_panic_owner)
    return owner != 0 && owner == UInt64(CPUs.current) &+ 1
  }

  /// Leaves this CPU's registers behind. It must not return from the entry whose frame it is.
  public static func record(_ frame: Ref<TrapFrame>) {
    // SAFETY: 1. This CPU's own record.
    unsafe martlet_store64(&CPUs.record(CPUs.current).pointee.panic_frame, frame.identity)
  }

  /// The registers that a CPU has left behind; nil while it has not.
  public static func frame(of cpu: Int) -> Ref<TrapFrame>? {
    // SAFETY: 1. A checked index; 2. the word is zero or what `record` stored, and that CPU's stack stays as it is.
    let identity = unsafe martlet_load64(&CPUs.record(cpu).pointee.panic_frame)
    return identity == 0 ? nil : unsafe Ref(identity: identity)
  }

  /// The frame of the guest on a CPU's ordinary stack, as that CPU last left it there. Meaningful for a CPU that has
  /// stopped, on its own stack since boot.
  public static func guestFrame(of cpu: Int) -> Ref<TrapFrame> {
    precondition(cpu >= 0 && cpu < CPUs.started)
    let top = CPUArea.stackTop(cpu, Int(MARTLET_AREA_STACK))
    // SAFETY: 1. The stack of a CPU that was started is mapped; 2. every entry from a guest pushes exactly there.
    return unsafe Ref(identity: top &- UInt64(MemoryLayout<martlet_frame>.size))
  }

  #if os(Linux)
    /// Host tests only: all is well again.
    public static func forget() {
      // SAFETY: 1. A static word.
      unsafe martlet_store64(&martlet_panic_owner, 0)
    }
  #endif
}
