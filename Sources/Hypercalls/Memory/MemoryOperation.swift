// SPDX-License-Identifier: Apache-2.0
// memory_op: which sub-operation it is, and how far an interrupted one has come.
import CXenABI
import Domains
import Machine
import XenABI

/// The first argument of memory_op: the sub-operation in its low six bits, and in the others how many extents an interrupted
/// call has done. A guest that sets those itself skips extents.
struct MemoryCommand: Equatable {
  /// Bits that name the sub-operation (XENMEM_* in xen/memory.h).
  static let shift: UInt64 = 6

  var number: UInt32
  var done: UInt64

  init(_ raw: UInt64) {
    number = UInt32(raw & 63)
    done = raw &>> MemoryCommand.shift
  }

  /// The argument that goes on after `done` extents.
  func argument(done: UInt64) -> UInt64 { done &<< MemoryCommand.shift | UInt64(number) }
}

/// Operations on a domain's memory reservation, and questions about memory (`memory_op(cmd, arg)`, xen/memory.h).
///
/// Calls that change a reservation give the number of extents done, also when something stands in the way of the next one.
///
/// - Throws: `notImplemented` for an operation that does not exist; `fault` if the arguments cannot be read or written;
///   `invalid` for an extent count where there are no extents; what the operation throws.
public func memoryOp(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let command = MemoryCommand(call.arguments[0])
  let at = call.address(1)
  switch Int32(bitPattern: command.number) {
  case XENMEM_increase_reservation: return try increaseReservation(&call, command, at)
  case XENMEM_decrease_reservation: return try decreaseReservation(&call, command, at)
  case XENMEM_populate_physmap: return try populatePhysmap(&call, command, at)
  default: break
  }
  guard command.done == 0 else { throw .invalid }
  switch Int32(bitPattern: command.number) {
  case XENMEM_exchange: return try exchangeMemory(&call, at)
  case XENMEM_maximum_ram_page: return .done(maximumRAMPage)
  case XENMEM_current_reservation: return .done(try currentReservation(call, at))
  case XENMEM_maximum_reservation: return .done(try maximumReservation(call, at))
  case XENMEM_maximum_gpfn: return .done(try maximumGuestFrame(call, at))
  case XENMEM_machphys_mfn_list: try machinePhysicalFrames(at)
  case XENMEM_machphys_mapping: try machinePhysicalMapping(at)
  // 32-bit PV guests, for whom the second table would be, do not run here.
  case XENMEM_machphys_compat_mfn_list: throw .notSupported
  case XENMEM_memory_map: try domainMemoryMap(call, at)
  case XENMEM_machine_memory_map: try machineMemoryMap(call, at)
  case XENMEM_set_memory_map: try setMemoryMap(call, at)
  case XENMEM_reserved_device_memory_map: try reservedDeviceMemory(call, at)
  case XENMEM_add_to_physmap: try addToPhysmap(call, at)
  case XENMEM_add_to_physmap_batch: try addToPhysmapBatch(call, at)
  case XENMEM_remove_from_physmap: try removeFromPhysmap(call, at)
  case XENMEM_set_pod_target, XENMEM_get_pod_target: try populateOnDemandTarget(call, at)
  case XENMEM_claim_pages: try claimPages(call, at)
  case XENMEM_acquire_resource: try acquireResource(call, at)
  case XENMEM_get_vnumainfo: try virtualNUMA(call, at)
  // Nothing is ever shared between guests or paged out, so the counts are zero and the operations are not there.
  case XENMEM_get_sharing_freed_pages, XENMEM_get_sharing_shared_pages: return .done(0)
  default: throw .notImplemented
  }
  return .success
}
