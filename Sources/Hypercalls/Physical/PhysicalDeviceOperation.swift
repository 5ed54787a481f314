// SPDX-License-Identifier: Apache-2.0
// physdev_op and its older form: which sub-operation it is, and who may ask for it.
import CXenABI
import Domains
import Machine
import XenABI

/// Operations on physical devices: interrupts, I/O ports, PCI functions (`physdev_op(cmd, arg)`, xen/physdev.h).
///
/// - Throws: `notImplemented` for an operation that does not exist; `fault` if the arguments cannot be read or written;
///   `notPermitted` for what only a domain with hardware may do; what the operation throws.
public func physdevOp(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  guard call.arguments[0] <= UInt64(Int32.max) else { throw .notImplemented }
  try perform(call, Int32(truncatingIfNeeded: call.arguments[0]), call.address(1))
  return .success
}

/// The form from before Xen 3.2 (`physdev_op_compat(op)`, `struct physdev_op`): the operation stands before its arguments.
/// It has only operations that are as old.
///
/// - Throws: as `physdevOp`.
public func physdevOpCompat(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let command = Int32(bitPattern: try GuestMemory.fetch(call.address(0), initial: UInt32(0)))
  switch command {
  case PHYSDEVOP_irq_status_query, PHYSDEVOP_set_iopl, PHYSDEVOP_set_iobitmap, PHYSDEVOP_apic_read,
    PHYSDEVOP_apic_write,
    PHYSDEVOP_alloc_irq_vector, PHYSDEVOP_free_irq_vector, PHYSDEVOP_IRQ_UNMASK_NOTIFY:
    try perform(call, command, call.address(0) + UInt64(OFFSET_physdev_op_body))
  default: throw .notImplemented
  }
  return .success
}

private func perform(_ call: Hypercall, _ command: Int32, _ at: LinearAddress) throws(XenError) {
  switch command {
  // Any domain.
  case PHYSDEVOP_eoi: try endOfInterrupt(call, at)
  case PHYSDEVOP_irq_status_query: try interruptStatus(call, at)
  case PHYSDEVOP_pirq_eoi_gmfn_v1: try setEOIFrame(call, at, unmasksEvents: true)
  case PHYSDEVOP_pirq_eoi_gmfn_v2: try setEOIFrame(call, at, unmasksEvents: false)
  case PHYSDEVOP_set_iopl: try setPortPrivilege(call, at)
  case PHYSDEVOP_set_iobitmap: try setPortBitmap(call, at)
  default:
    guard call.domain[].mayUseHardware else {
      throw physicalDeviceOperations.contains(command) ? .notPermitted : .notImplemented
    }
    try performWithHardware(call, command, at)
  }
}

private func performWithHardware(_ call: Hypercall, _ command: Int32, _ at: LinearAddress) throws(XenError) {
  switch command {
  case PHYSDEVOP_apic_read: try readController(at)
  case PHYSDEVOP_apic_write: try writeController(at)
  case PHYSDEVOP_alloc_irq_vector: try allocateVector(at)
  // Vectors belong to interrupts and go with them.
  case PHYSDEVOP_free_irq_vector: _ = try GuestMemory.fetch(at, initial: physdev_irq())
  case PHYSDEVOP_setup_gsi: try setupLine(at)
  case PHYSDEVOP_map_pirq: try mapInterrupt(call, at)
  case PHYSDEVOP_unmap_pirq: try unmapInterrupt(call, at)
  case PHYSDEVOP_get_free_pirq: try freeInterrupt(call, at)
  case PHYSDEVOP_manage_pci_add, PHYSDEVOP_manage_pci_add_ext, PHYSDEVOP_pci_device_add: try addFunction(command, at)
  case PHYSDEVOP_manage_pci_remove, PHYSDEVOP_pci_device_remove: try removeFunction(command, at)
  case PHYSDEVOP_restore_msi, PHYSDEVOP_restore_msi_ext: try restoreFunction(command, at)
  case PHYSDEVOP_prepare_msix, PHYSDEVOP_release_msix: try announceTable(at)
  case PHYSDEVOP_pci_mmcfg_reserved: try reserveConfigurationSpace(at)
  case PHYSDEVOP_dbgp_op: try debugPort(at)
  // PHYSDEVOP_IRQ_UNMASK_NOTIFY is obsolete by its own description.
  default: throw .notImplemented
  }
}

/// The operations for which a domain needs hardware.
private var physicalDeviceOperations: InlineArray<18, Int32> {
  [
    PHYSDEVOP_apic_read, PHYSDEVOP_apic_write, PHYSDEVOP_alloc_irq_vector, PHYSDEVOP_free_irq_vector,
    PHYSDEVOP_setup_gsi,
    PHYSDEVOP_map_pirq, PHYSDEVOP_unmap_pirq, PHYSDEVOP_get_free_pirq, PHYSDEVOP_manage_pci_add,
    PHYSDEVOP_manage_pci_add_ext, PHYSDEVOP_pci_device_add, PHYSDEVOP_manage_pci_remove, PHYSDEVOP_pci_device_remove,
    PHYSDEVOP_restore_msi, PHYSDEVOP_restore_msi_ext, PHYSDEVOP_prepare_msix, PHYSDEVOP_release_msix,
    PHYSDEVOP_pci_mmcfg_reserved,
  ]
}

extension InlineArray where Element == Int32 {
  fileprivate func contains(_ value: Int32) -> Bool {
    for index in indices where self[index] == value { return true }
    return false
  }
}
