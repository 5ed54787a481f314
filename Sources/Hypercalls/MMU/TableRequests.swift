// SPDX-License-Identifier: Apache-2.0
// The loop over the requests of mmu_update and mmuext_op, which differ in what a request is and in nothing else.
//
// Other lists have loops of their own, for a reason: an entry of multicall has its own result and may itself be stopped, so
// that it goes on in the list's memory (Multicall.swift); an entry of a grant operation has its own status, which ends nothing,
// and what entries have put off is settled before each stop (GrantBatch.swift); of extents the caller gets the number instead of
// an error (MemoryReservation.swift); console_io takes its characters by chunks, and waits for room (ConsoleIO.swift).
import Domains
import Machine
import XenABI

extension Hypercall {
  /// Bit 31 of the count is ours: the call goes on after a stop, and the count done so far stands in memory.
  private static var resumed: UInt64 { 0x8000_0000 }

  /// Runs `body` for each request of the list: argument 0 says where it is, 1 how many requests of `size` bytes it has, 2 where
  /// the number of those done goes, if anywhere. The first that fails ends the list. `tables` is the domain whose tables
  /// change.
  ///
  /// - Throws: what `body` throws, but for `restart`; `fault` if the number done cannot be read or written.
  @inline(__always)
  mutating func eachTableRequest(
    size: UInt64, of tables: Ref<Domain>, _ body: (inout Hypercall, LinearAddress) throws(XenError) -> Void
  ) throws(XenError) -> HypercallOutcome {
    let isResumed = arguments[1] & Hypercall.resumed != 0
    var left = UInt32(truncatingIfNeeded: arguments[1] & (Hypercall.resumed &- 1))
    var request = address(0)
    let doneAddress = address(2)
    var done: UInt32 = 0
    if isResumed && doneAddress.raw != 0 { done = try GuestMemory.fetch(doneAddress, initial: UInt32(0)) }
    if isResumed && left == 0 && !settleTables(of: tables) { return .again }
    var failure: XenError? = nil
    while left > 0 {
      do { try body(&self, request) } catch {
        failure = error
        break
      }
      left &-= 1
      done &+= 1
      request = request + size
      Stretch.spend()
      if left > 0 && Stretch.isOver {
        failure = .restart
        break
      }
    }
    if doneAddress.raw != 0 { try GuestMemory.put(doneAddress, done) }
    // Another's tables that have died here: to the end, before this call is over.
    if failure == nil && !settleTables(of: tables) { failure = .restart }
    if failure == .restart { return again(.tableRequests, from: request, left: UInt64(left) | Hypercall.resumed) }
    if let failure { throw failure }
    return .success
  }
}
