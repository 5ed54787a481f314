// SPDX-License-Identifier: Apache-2.0
// Less memory for a domain: XENMEM_decrease_reservation.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

/// XENMEM_decrease_reservation: ends the allocation of extents. A frame that is still in use somewhere is freed when the last
/// use ends, and counts as the domain's until then. Gives the number of extents done; it stops at a frame that is not
/// allocated to the domain.
///
/// - Throws: `notPermitted` for another domain by one without privilege; `noSuchDomain`. (A structure that cannot be read is
///   no error: no extents are done.)
func decreaseReservation(
  _ call: inout Hypercall, _ command: MemoryCommand, _ at: LinearAddress
) throws(XenError) -> HypercallOutcome {
  guard let wire = try? GuestMemory.fetch(at, initial: martlet_memory_reservation()) else { return .done(command.done) }
  let request = MemoryReservation(wire)
  let domain = try call.target(request.domain)
  // Frames that were tables of another domain's come free only when they have been taken apart.
  guard call.settleTables(of: domain) else { return .again }
  guard request.count <= MemoryReservation.countLimit, command.done < request.count,
    request.order <= MemoryReservation.maximumOrder(call.domain)
  else { return .done(command.done) }
  var progress = ExtentProgress(done: command.done, order: request.order)
  while progress.done < request.count {
    guard let first = try? GuestMemory.read64(request.entry(progress.done)) else { break }
    guard removeExtent(domain, MachineFrame(first), frames: request.extentSize) else { break }
    if progress.advance() && progress.done < request.count {
      call.arguments[0] = command.argument(done: progress.done)
      return .again
    }
  }
  guard call.settleTables(of: domain) else {
    call.arguments[0] = command.argument(done: progress.done)
    return .again
  }
  return .done(progress.done)
}

/// Ends the allocation of an extent's frames; false at the first that is not the domain's.
private func removeExtent(_ domain: Ref<Domain>, _ first: MachineFrame, frames: UInt64) -> Bool {
  guard first.number <= ledger[].frameCount, frames <= ledger[].frameCount &- first.number else { return false }
  for offset in 0..<frames where !domain.surrender(first + offset) { return false }
  return true
}
