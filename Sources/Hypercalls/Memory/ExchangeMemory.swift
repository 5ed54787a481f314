// SPDX-License-Identifier: Apache-2.0
// XENMEM_exchange: frames for others with a better place, in the same number. Guests get memory that devices can use with it
// (Linux: xen_create_contiguous_region).
//
// It goes in chunks of one large extent and the small ones that make it up. A chunk is exchanged whole or not at all: the old
// frames are withheld, the new ones taken, and when nothing can fail any more both change hands.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

/// How an exchange is cut into chunks.
struct ExchangePlan: Equatable {
  /// Extents of either list in a chunk.
  let inputs: UInt64
  let outputs: UInt64
  /// How many chunks there are in all.
  let chunks: UInt64

  /// Nil if the lists do not match, or an extent is larger than `maximumOrder`.
  init?(inputCount: UInt64, inputOrder: UInt32, outputCount: UInt64, outputOrder: UInt32, maximumOrder: UInt32) {
    guard inputOrder <= maximumOrder, outputOrder <= maximumOrder,
      inputCount <= UInt64.max &>> UInt64(inputOrder), outputCount <= UInt64.max &>> UInt64(outputOrder),
      inputCount &<< UInt64(inputOrder) == outputCount &<< UInt64(outputOrder)
    else { return nil }
    let larger = UInt64(max(inputOrder, outputOrder))
    inputs = 1 &<< (larger &- UInt64(inputOrder))
    outputs = 1 &<< (larger &- UInt64(outputOrder))
    // The side with the larger extents has a whole number of chunks, so both have.
    chunks = inputCount / inputs
  }
}

/// XENMEM_exchange. `nr_exchanged` says how far it has come, when it is interrupted as when it fails.
///
/// - Throws: `fault`; `notPermitted` for another domain by one without privilege, or for extents larger than the caller may
///   have; `noSuchDomain`; `invalid` if the two lists do not match, or a frame is not the domain's or is in use;
///   `noMemory`.
func exchangeMemory(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  let wire = try GuestMemory.fetch(at, initial: martlet_memory_exchange())
  let input = MemoryReservation(wire.in)
  let output = MemoryReservation(wire.out)
  guard input.domain == output.domain, wire.nr_exchanged <= input.count else { throw .invalid }
  let domain = try call.target(input.domain)
  // A chunk is done in one go, so it is smaller than what populate_physmap gives.
  let maximumOrder: UInt32 = call.domain[].mayUseHardware ? 12 : 9
  guard input.order <= maximumOrder, output.order <= maximumOrder else { throw .notPermitted }
  guard !output.isImpossible, !domain[].life.withLock({ $0.isDying }),
    let plan = ExchangePlan(
      inputCount: input.count, inputOrder: input.order, outputCount: output.count, outputOrder: output.order,
      maximumOrder: maximumOrder),
    wire.nr_exchanged % plan.inputs == 0
  else { throw .invalid }
  var chunk = wire.nr_exchanged / plan.inputs
  var progress = ExtentProgress(done: 0, order: max(input.order, output.order))
  var failure: XenError?
  var isPaused = false
  while chunk < plan.chunks && !isPaused {
    guard progress.prepare(order: output.order, limit: output.limit) else {
      isPaused = true
      break
    }
    do throws(XenError) {
      try exchangeChunk(domain, input, output, plan, chunk)
      chunk &+= 1
      isPaused = progress.advance() && chunk < plan.chunks
    } catch {
      failure = error
      break
    }
  }
  try GuestMemory.put(at + UInt64(OFFSET_memory_exchange_nr_exchanged), chunk &* plan.inputs)
  if let failure { throw failure }
  return isPaused ? .again : .success
}

private func exchangeChunk(
  _ domain: Ref<Domain>, _ input: MemoryReservation, _ output: MemoryReservation, _ plan: ExchangePlan, _ chunk: UInt64
) throws(XenError) {
  let firstOutput = chunk &* plan.outputs
  // Prepare. That the list of results can be written is known before anything changes.
  for index in 0..<plan.outputs {
    let entry = output.entry(firstOutput &+ index)
    try GuestMemory.put(entry, try GuestMemory.fetch(entry, initial: UInt64(0)))
  }
  var old = WithheldFrames(order: Int(input.order))
  var new = WithheldFrames(order: Int(output.order))
  do throws(XenError) {
    for index in 0..<plan.inputs {
      let frame = MachineFrame(try GuestMemory.fetch(input.entry(chunk &* plan.inputs &+ index), initial: UInt64(0)))
      guard ledger[].withhold(frame, from: domain[].id, into: &old) else { throw .invalid }
    }
    for _ in 0..<plan.outputs {
      guard ledger[].allocateWithheld(for: domain[].id, limit: output.limit, into: &new) else { throw .noMemory }
    }
  } catch {
    while ledger[].release(next: &old) != nil {}
    while ledger[].discard(next: &new) != nil {}
    throw error
  }
  // Commit.
  let table = Ref<Hypervisor>.shared[].machineToPhysical
  while let extent = ledger[].peek(old) {
    for offset in 0..<input.extentSize { table.store(extent + offset, MachineToPhysical.invalid) }
    _ = ledger[].discard(next: &old)
  }
  var index = firstOutput
  while let extent = ledger[].release(next: &new) {
    // A guest that has unmapped its list meanwhile gets frames whose numbers it does not know.
    let guestFrame = (try? GuestMemory.read64(output.entry(index))) ?? MachineToPhysical.invalid
    for offset in 0..<output.extentSize { table.store(extent + offset, guestFrame &+ offset) }
    try? GuestMemory.write(output.entry(index), extent.number)
    index &+= 1
  }
}
