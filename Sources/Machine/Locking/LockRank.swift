// SPDX-License-Identifier: Apache-2.0
// The one list of locks. A CPU that holds a lock may only take locks of a higher rank; two of the same rank are only taken
// together through `Lock.withBoth`, the lower address first. Debug builds check this on every acquisition.
//
// Interrupts are always off in the hypervisor (they are let in only by the idle loop and by the return to a guest), so no lock
// says anything about interrupts. A CPU that waits for a lock answers flush requests of other CPUs meanwhile (`Lock.swift`),
// so waiting for a flush while holding a lock cannot deadlock.

/// Every lock's place in the order, from the first to be taken to the last. What each protects is said here.
public enum LockRank: UInt8, Comparable {
  /// Domains being given vCPUs.
  case domainChanges = 0
  /// The table of domains: the list, the numbers, free records, those that have ended.
  case domainTable = 10
  /// One domain's life: its vCPU set, shutdown state, reservation limits.
  case domain = 20
  /// One domain's grant table: entries in use, maptrack.
  case grantTable = 30
  /// One domain's page tables: validation, and every change of an entry.
  case pageTables = 40
  /// One domain's event channels: port states and bindings.
  case events = 50
  /// The PCI, interrupt and I/O APIC assignments.
  case interrupts = 60
  /// What everybody is entitled to of the CPUs: CPU pools, domains' weights and caps, vCPUs' affinities.
  case shares = 70
  /// One CPU's run queue.
  case runQueue = 80
  /// One vCPU's timers: its deadlines, and in which CPU's queue it stands.
  case vcpuTimers = 90
  /// One CPU's timers.
  case timers = 100
  /// One domain's list of frames, and its frame counts.
  case domainFrames = 110
  /// The frame allocator.
  case frameAllocator = 120
  /// One domain's queues of events (FIFO delivery): innermost, as events are sent from anywhere.
  case eventQueue = 130
  /// The machine's clock and what it is compared with.
  case timekeeping = 140
  /// The line that one domain writes to the console.
  case guestLine = 150
  /// Console input and output, taken anywhere.
  case console = 160
  /// Device accesses of two steps: the PCI configuration ports, the window onto device pages. Innermost.
  case deviceAccess = 170

  /// By place in the order.
  @inlinable public static func < (a: LockRank, b: LockRank) -> Bool { a.rawValue < b.rawValue }
}
