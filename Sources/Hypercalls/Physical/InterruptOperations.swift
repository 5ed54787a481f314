// SPDX-License-Identifier: Apache-2.0
// The sub-operations of physdev_op on interrupts that are there: their end, their state, the lines and their controllers.
import CXenABI
import Domains
import Machine
import XenABI

/// PHYSDEVOP_eoi: the caller is done with an interrupt.
///
/// - Throws: `fault`; `invalid` if the number is not one of an interrupt.
func endOfInterrupt(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  try InterruptRouting.endOfInterrupt(try GuestMemory.fetch(at, initial: UInt32(0)), call.domain)
}

/// PHYSDEVOP_irq_status_query: whether the caller has to say when it is done with an interrupt. No interrupt is shared by
/// domains.
///
/// - Throws: `fault`; `invalid` if the number is not one of an interrupt.
func interruptStatus(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let isNeeded = try InterruptRouting.needsEOI(try GuestMemory.fetch(at, initial: UInt32(0)), call.domain)
  try GuestMemory.put(at + UInt64(OFFSET_irq_status_query_flags), isNeeded ? UInt32(XENIRQSTAT_needs_eoi) : 0)
}

/// PHYSDEVOP_pirq_eoi_gmfn_v1 and _v2: where the caller wants to read which interrupts it has to end.
///
/// - Throws: `fault`; `invalid` if the frame is not the caller's to write; `busy` if it has such a frame.
func setEOIFrame(_ call: Hypercall, _ at: LinearAddress, unmasksEvents: Bool) throws(XenError) {
  let frame = MachineFrame(try GuestMemory.fetch(at, initial: UInt64(0)))
  try call.domain.setEOIFrame(frame, unmasksEvents: unmasksEvents)
}

/// PHYSDEVOP_apic_read: a register of an I/O APIC, as Linux asks for how many pins it has.
///
/// - Throws: `fault`; `noDevice` if there is none at the address; `invalid` for a register number that none has.
func readController(_ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: physdev_apic())
  guard request.reg <= 0xff else { throw .invalid }
  let value = try InterruptRouting.readController(
    physical: UInt64(request.apic_physbase), register: UInt8(request.reg))
  try GuestMemory.put(at + UInt64(OFFSET_apic_value), value)
}

/// PHYSDEVOP_apic_write: of what a guest writes to an I/O APIC, how lines signal.
///
/// - Throws: `fault`; `noDevice` if there is none at the address; `invalid` for a register number that none has.
func writeController(_ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: physdev_apic())
  guard request.reg <= 0xff else { throw .invalid }
  try InterruptRouting.writeController(
    physical: UInt64(request.apic_physbase), register: UInt8(request.reg), request.value)
}

/// PHYSDEVOP_alloc_irq_vector: a vector for a line. The caller has no use for its number.
///
/// - Throws: `fault`; `invalid` if there is no such line; `noSpace` without a vector.
func allocateVector(_ at: LinearAddress) throws(XenError) {
  let vector = try InterruptRouting.vector(ofLine: try GuestMemory.fetch(at, initial: UInt32(0)))
  try GuestMemory.put(at + UInt64(OFFSET_irq_vector), UInt32(vector))
}

/// PHYSDEVOP_setup_gsi: how a line signals.
///
/// - Throws: `fault`; `invalid` if there is no such line; `exists` if it has been said before, or the line is in use.
func setupLine(_ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: physdev_setup_gsi())
  guard request.gsi >= 0 else { throw .invalid }
  try InterruptRouting.setSignal(
    gsi: UInt32(request.gsi), isLevel: request.triggering != 0, isLow: request.polarity != 0)
}
