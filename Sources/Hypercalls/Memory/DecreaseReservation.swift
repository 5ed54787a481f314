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
  guard request.order <= MemoryReservation.maximumOrder(call.domain),
    request.count <= MemoryReservation.countLimit &>> UInt64(request.order)
  else { return .done(0) }
  // An interrupted call counts in frames: a large extent takes more than a stretch.
  var done = command.done
  // Frames that were tables of another domain's come free only when they have been taken apart.
  var isOver = !call.settleTables(of: domain)
  let end = request.count &<< UInt64(request.order)
  while done < end && !isOver {
    guard let first = try? GuestMemory.read64(request.entry(done &>> UInt64(request.order))) else { break }
    guard removeFrames(domain, MachineFrame(first), request.extentSize, &done) else { break }
    isOver = Stretch.isOver
  }
  if !isOver || done >= end { isOver = !call.settleTables(of: domain) }
  if isOver {
    call.arguments[0] = command.argument(done: done)
    return .again
  }
  return .done(done &>> UInt64(request.order))
}

/// Ends the allocation of the frames of an extent that are left, as long as there is time; false at the first that is not the
/// domain's.
private func removeFrames(_ domain: Ref<Domain>, _ first: MachineFrame, _ size: UInt64, _ done: inout UInt64) -> Bool {
  guard first.number <= ledger[].frameCount, size <= ledger[].frameCount &- first.number else { return false }
  repeat {
    guard domain.surrender(first + (done & (size &- 1))) else { return false }
    done &+= 1
    Stretch.spend(2)
  } while done & (size &- 1) != 0 && !Stretch.isOver
  return true
}
