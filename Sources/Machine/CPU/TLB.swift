// SPDX-License-Identifier: Apache-2.0
// Flushing translations, here and on other CPUs.
//
// The flush clock orders flushes against changes of frames. A frame that loses its last writable or page-table use is stamped
// with the clock; each CPU notes the clock at every full flush. A CPU whose note is not later than the stamp may still hold
// a translation to the frame (named rule F1: a frame gets a new type only when no CPU that could have used it can).
import CMachine

/// The translation look-aside buffers.
public enum TLB {
  /// Flushes everything on this CPU, and notes the time. (CR4.PGE stays off, so no translation outlives a write to CR3: see
  /// docs/architecture.md.)
  @inlinable public static func flushLocal() {
    noteFlush()
    martlet_write_cr3(martlet_read_cr3())
  }

  /// Notes that this CPU flushes everything now. Before the flush itself, so that a stamp taken in between counts as later.
  @inlinable public static func noteFlush() {
    // SAFETY: 1. Static words; the clock is atomic.
    unsafe martlet_store64(&CPUs.record(CPUs.current).pointee.flushed_at, martlet_add64(&martlet_flush_clock, 1) &+ 1)
  }

  /// Forgets the translation of one page on this CPU.
  @inlinable public static func invalidate(_ address: LinearAddress) { martlet_invlpg(address.raw) }

  /// The flush clock now: the stamp for a frame that has just lost a use.
  @inlinable public static var clock: UInt64 {
    // SAFETY: 1. A static atomic word.
    unsafe martlet_load64(&martlet_flush_clock)
  }

  /// Whether a CPU has flushed everything since `stamp` was taken.
  @inlinable public static func hasFlushed(_ cpu: Int, since stamp: UInt64) -> Bool {
    // SAFETY: 1. Checked index.
    unsafe martlet_load64(&CPUs.record(cpu).pointee.flushed_at) > stamp
  }

  /// Has every CPU of the set flush everything, and waits until all have. This CPU may be among them.
  public static func flush(_ cpus: CPUSet) {
    var rest = cpus
    let me = CPUs.current
    var remote = CPUSet()
    while let cpu = rest.first {
      rest.remove(cpu)
      if cpu == me || !CPUs.isOnline(cpu) { continue }
      // SAFETY: 1. Checked index.
      unsafe martlet_store64(&CPUs.record(cpu).pointee.flush_request, 1)
      LocalAPIC.send(.flush, to: cpu)
      remote.insert(cpu)
    }
    if cpus.contains(me) { flushLocal() }
    while let cpu = remote.first {
      remote.remove(cpu)
      #if !os(Linux)
        // SAFETY: 1. Checked index.
        while unsafe martlet_load64(&CPUs.record(cpu).pointee.flush_request) != 0 { Waiting.step() }
      #endif
    }
  }
}

/// Requests of other CPUs that this one flush.
public enum FlushMailbox {
  /// Answers a request, if there is one. Called by the flush interrupt and by every loop that waits for another CPU.
  @inlinable public static func answerCurrent() {
    // SAFETY: 1. This CPU's own record.
    unsafe answer(CPUs.record(CPUs.current))
  }

  @usableFromInline static func answer(_ cpu: UnsafeMutablePointer<martlet_cpu>) {
    // SAFETY: 1. This CPU's own record.
    guard unsafe martlet_load64(&cpu.pointee.flush_request) != 0 else { return }
    TLB.flushLocal()
    unsafe martlet_store64(&cpu.pointee.flush_request, 0)
  }
}
