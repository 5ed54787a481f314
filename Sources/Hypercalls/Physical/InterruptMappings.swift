// SPDX-License-Identifier: Apache-2.0
// The sub-operations of physdev_op that give interrupts to domains: lines, and messages of PCI functions.
import CXenABI
import Domains
import Machine
import XenABI

/// What PHYSDEVOP_map_pirq asks for, decoded.
enum InterruptWish: Equatable {
  case line(UInt32)
  case messages(PCIFunction, count: Int)
  case tableEntry(PCIFunction, entry: UInt32, base: UInt64)

  /// - Throws: `invalid` for a type that does not exist or numbers that make no sense; `noDevice` for a function of another
  ///   segment than 0.
  init(_ wire: physdev_map_pirq) throws(XenError) {
    switch wire.type {
    case MAP_PIRQ_TYPE_GSI:
      guard wire.index >= 0 else { throw .invalid }
      self = .line(UInt32(wire.index))
    case MAP_PIRQ_TYPE_MSI, MAP_PIRQ_TYPE_MSI_SEG, MAP_PIRQ_TYPE_MULTI_MSI:
      // The upper half of the bus number is the segment, but not for the oldest type.
      if wire.type != MAP_PIRQ_TYPE_MSI && UInt32(bitPattern: wire.bus) &>> 16 != 0 { throw .noDevice }
      guard wire.devfn >= 0, wire.devfn <= 0xff, wire.bus & 0xffff <= 0xff else { throw .invalid }
      let function = PCIFunction(bus: UInt8(wire.bus & 0xff), devfn: UInt8(wire.devfn))
      if wire.type == MAP_PIRQ_TYPE_MULTI_MSI {
        guard wire.entry_nr >= 1, wire.entry_nr <= 32 else { throw .invalid }
        // Functions tell messages apart by low bits: as many as the next power of two.
        var count = 1
        while count < Int(wire.entry_nr) { count &*= 2 }
        self = .messages(function, count: count)
      } else if wire.table_base != 0 {
        guard wire.entry_nr >= 0 else { throw .invalid }
        self = .tableEntry(function, entry: UInt32(wire.entry_nr), base: wire.table_base)
      } else {
        self = .messages(function, count: 1)
      }
    default: throw .invalid
    }
  }
}

/// PHYSDEVOP_map_pirq: gives an interrupt to a domain. All domains name an interrupt by the same number: a line by its own, so
/// that no other can be asked for; messages by any free one.
///
/// - Throws: `fault`; `notPermitted`; `noSuchDomain`; `invalid`; `noDevice`, `noSuchDevice` if the function cannot send such a
///   message; `busy` if it is given away already; `noSpace` without numbers or vectors.
func mapInterrupt(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let wire = try GuestMemory.fetch(at, initial: physdev_map_pirq())
  let domain = try call.target(wire.domid)
  let wanted = wire.pirq < 0 ? nil : UInt32(wire.pirq)
  let pirq: UInt32
  switch try InterruptWish(wire) {
  case .line(let gsi):
    guard wanted == nil || wanted == gsi else { throw .invalid }
    try InterruptRouting.mapLine(gsi, for: domain)
    pirq = gsi
  case .messages(let function, let count):
    pirq = try InterruptRouting.mapMessages(
      MessageRequest(function: function, count: count), for: domain, wanted: wanted)
    if wire.type == MAP_PIRQ_TYPE_MULTI_MSI {
      try GuestMemory.put(at + UInt64(OFFSET_map_pirq_entry_nr), Int32(count))
    }
  case .tableEntry(let function, let entry, let base):
    pirq = try InterruptRouting.mapMessages(
      MessageRequest(function: function, entry: entry, tableBase: base), for: domain, wanted: wanted)
  }
  try GuestMemory.put(at + UInt64(OFFSET_map_pirq_pirq), pirq)
}

/// PHYSDEVOP_unmap_pirq: takes an interrupt back.
///
/// - Throws: `fault`; `notPermitted`; `noSuchDomain`; `invalid` if the domain does not have it; `busy` if it is bound.
func unmapInterrupt(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let wire = try GuestMemory.fetch(at, initial: physdev_unmap_pirq())
  guard wire.pirq >= 0 else { throw .invalid }
  try InterruptRouting.unmap(UInt32(wire.pirq), from: try call.target(wire.domid))
}

/// PHYSDEVOP_get_free_pirq: a number for a message to be mapped later.
///
/// - Throws: `fault`; `invalid` for another type, as lines have their own numbers; `noSpace`.
func freeInterrupt(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  guard try GuestMemory.fetch(at, initial: Int32(0)) == MAP_PIRQ_TYPE_MSI else { throw .invalid }
  let pirq = try InterruptRouting.reserve(for: call.domain)
  try GuestMemory.put(at + UInt64(OFFSET_get_free_pirq_pirq), pirq)
}
