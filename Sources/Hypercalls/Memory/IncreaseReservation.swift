// SPDX-License-Identifier: Apache-2.0
// More memory for a domain: XENMEM_increase_reservation and XENMEM_populate_physmap.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

/// XENMEM_increase_reservation: allocates extents and says which, if the caller wants to know. Gives the number of extents
/// done.
///
/// - Throws: `notPermitted` for another domain by one without privilege; `noSuchDomain`. (A structure that cannot be read is
///   no error: no extents are done.)
func increaseReservation(
  _ call: inout Hypercall, _ command: MemoryCommand, _ at: LinearAddress
) throws(XenError) -> HypercallOutcome {
  try addMemory(&call, command, at, places: false)
}

/// XENMEM_populate_physmap: as increase_reservation, and notes for each frame what the domain calls it. The list holds those
/// numbers, and afterwards the machine frames.
///
/// - Throws: as `increaseReservation`.
func populatePhysmap(
  _ call: inout Hypercall, _ command: MemoryCommand, _ at: LinearAddress
) throws(XenError) -> HypercallOutcome {
  try addMemory(&call, command, at, places: true)
}

private func addMemory(
  _ call: inout Hypercall, _ command: MemoryCommand, _ at: LinearAddress, places: Bool
) throws(XenError) -> HypercallOutcome {
  guard let wire = try? GuestMemory.fetch(at, initial: martlet_memory_reservation()) else { return .done(command.done) }
  let request = MemoryReservation(wire)
  let domain = try call.target(request.domain)
  guard request.count <= MemoryReservation.countLimit, command.done < request.count,
    request.order <= MemoryReservation.maximumOrder(call.domain), !request.isImpossible,
    !domain[].life.withLock({ $0.isDying })
  else { return .done(command.done) }
  var progress = ExtentProgress(done: command.done, order: request.order)
  while progress.done < request.count {
    guard progress.prepare(order: request.order, limit: request.limit) else {
      call.arguments[0] = command.argument(done: progress.done)
      return .again
    }
    guard addExtent(domain, request, progress.done, places: places) else { break }
    if progress.advance() && progress.done < request.count {
      call.arguments[0] = command.argument(done: progress.done)
      return .again
    }
  }
  return .done(progress.done)
}

/// Allocates one extent; false if that, or telling the caller, fails. Nothing has changed then.
private func addExtent(
  _ domain: Ref<Domain>, _ request: MemoryReservation, _ index: UInt64, places: Bool
) -> Bool {
  let entry = request.entry(index)
  var guestFrame = MachineToPhysical.invalid
  if places {
    guard let wanted = try? GuestMemory.read64(entry) else { return false }
    guestFrame = wanted
  }
  guard let first = MachineMemory.allocate(for: domain, order: Int(request.order), limit: request.limit) else {
    return false
  }
  let table = Ref<Hypervisor>.shared[].machineToPhysical
  for offset in 0..<request.extentSize {
    table.store(first + offset, places ? guestFrame &+ offset : MachineToPhysical.invalid)
  }
  guard places || request.list.raw != 0 else { return true }
  if (try? GuestMemory.write(entry, first.number)) != nil { return true }
  // The caller never learns of these frames, so they go back.
  for offset in 0..<request.extentSize { _ = domain.surrender(first + offset) }
  return false
}
