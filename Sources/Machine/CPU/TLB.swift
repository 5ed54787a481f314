// SPDX-License-Identifier: Apache-2.0
// Flushing translations, here and on other CPUs.
//
// The flush clock orders flushes against changes of frames. A frame that loses its last writable or page-table use is stamped
// with the clock; each CPU notes the clock at every full flush. A CPU whose note is not later than the stamp may still hold
// a translation to the frame (named rule F1: a frame gets a new type only when no CPU that could have used it can).
//
// The handshake (docs/invariants.md, "Handshakes between CPUs"): who asks has its changes in memory, reads the clock, then asks.
// Who is asked takes the request back, moves the clock on, flushes, and only then publishes the clock's value as its note. So a
// request that comes too late for a flush stands for the next one, and a note never tells of a flush that is still to come.
import CMachine

/// The translation look-aside buffers.
public enum TLB {
  /// Flushes everything on this CPU, and notes the time. (CR4.PGE stays off, so no translation outlives a write to CR3: see
  /// docs/architecture.md.)
  @inlinable public static func flushLocal() { load(martlet_read_cr3()) }

  /// Makes `table` the top-level page table of this CPU, which flushes everything, and notes the time.
  @inlinable public static func setPageTable(_ table: MachineFrame) { load(table.physical) }

  @usableFromInline @inline(__always)
  static func load(_ cr3: UInt64) {
    // SAFETY: 1. Static words; the clock is atomic. A non-maskable interrupt flushes nothing, so notes only grow.
    let time = unsafe martlet_add64(&martlet_flush_clock, 1) &+ 1
    martlet_write_cr3(cr3)
    unsafe martlet_store64(&CPUs.record(CPUs.current).pointee.flushed_at, time)
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
    let me = CPUs.current
    var remote = CPUSet()
    var rest = cpus
    while let cpu = rest.first {
      rest.remove(cpu)
      if cpu != me && CPUs.isOnline(cpu) { remote.insert(cpu) }
    }
    var stamp: UInt64 = 0
    if !remote.isEmpty {
      // The entries that this CPU has changed are in memory before the time is taken.
      AtomicWord.fence()
      stamp = clock
      rest = remote
      while let cpu = rest.first {
        rest.remove(cpu)
        // SAFETY: 1. Checked index.
        _ = unsafe martlet_exchange64(&CPUs.record(cpu).pointee.flush_request, 1)
        LocalAPIC.send(.flush, to: cpu)
      }
    }
    if cpus.contains(me) { flushLocal() }
    if !remote.isEmpty {
      Stretch.spend(Stretch.flushRound)
      #if os(Linux)
        martlet_simulated.locks_at_flush |= martlet_simulated_stack_info.locks_held
      #endif
    }
    while let cpu = remote.first {
      remote.remove(cpu)
      while !hasFlushed(cpu, since: stamp) { Waiting.step() }
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
    // Taken back before the flush: one that comes from here on wants another flush.
    _ = unsafe martlet_exchange64(&cpu.pointee.flush_request, 0)
    TLB.flushLocal()
  }

  #if os(Linux)
    /// Host tests only: answers for a CPU that stands still.
    static func answerInstead(of number: Int) {
      // SAFETY: 1. Checked index; static atomic words.
      let cpu = unsafe CPUs.record(number)
      _ = unsafe martlet_exchange64(&cpu.pointee.flush_request, 0)
      unsafe martlet_store64(&cpu.pointee.flushed_at, martlet_add64(&martlet_flush_clock, 1) &+ 1)
    }
  #endif
}
