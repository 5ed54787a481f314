// SPDX-License-Identifier: Apache-2.0
//
// The console of a guest that is not Domain 0: a page shared with the console daemon (struct xencons_interface in
// io/console.h) and an event channel to wake it. Only output: nobody types to a GuestKit guest.

import CGuestKit

/// Output through the ring that start_info names.
enum ConsoleRing {
  /// How long one line waits for the daemon to make room, nanoseconds; after that the rest is lost and not waited for
  /// again, because a guest has to end also when nobody reads.
  private static let patience: UInt64 = 2_000_000_000
  private static let outputOffset: UInt64 = 1024
  private static let outputBytes: UInt32 = 2048
  /// out_cons and out_prod.
  private static let consumerOffset: UInt64 = 3072 + 8
  private static let producerOffset: UInt64 = 3072 + 12

  /// Where the ring is in the initial mapping. Looked up once: some guests spoil the table that says so.
  static var address: UInt64 {
    if knownAddress == 0 { knownAddress = Frames.address(machine: StartInfo.consoleFrame) }
    return knownAddress
  }

  /// Writes `count` bytes from `start` and wakes the daemon.
  static func write(_ start: UInt64, _ count: UInt64) {
    let ring = address
    for index in 0..<count {
      if !waitForRoom(below: outputBytes) { return }
      let producer = Memory.load32(ring + producerOffset)
      Memory.store8(ring + outputOffset + UInt64(producer & (outputBytes - 1)), Memory.load8(start + index))
      gk_barrier()
      Memory.store32(ring + producerOffset, producer &+ 1)
    }
    _ = Events.send(StartInfo.consolePort)
  }

  /// Waits until the daemon has taken everything, so that the last line is not lost with the domain.
  static func drain() { _ = waitForRoom(below: 1) }

  /// Whether fewer than `limit` bytes are left in the ring, after waiting for that.
  private static func waitForRoom(below limit: UInt32) -> Bool {
    if pending < limit { return true }
    if lost { return false }
    _ = Events.send(StartInfo.consolePort)
    let deadline = Time.system() &+ patience
    while pending >= limit {
      if Time.system() > deadline {
        lost = true
        return false
      }
      hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
    }
    return true
  }

  private static var pending: UInt32 {
    Memory.load32(address + producerOffset) &- Memory.load32(address + consumerOffset)
  }
}

private var knownAddress: UInt64 = 0

/// Whether the daemon has left us waiting once.
private var lost = false
