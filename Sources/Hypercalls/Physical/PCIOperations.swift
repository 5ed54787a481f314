// SPDX-License-Identifier: Apache-2.0
// The sub-operations of physdev_op by which Domain 0 tells of PCI functions. The hypervisor keeps no list of them: it finds a
// function's registers when its messages are asked for. So being told is noted by nothing but a check.
import CXenABI
import Domains
import Machine
import XenABI

/// The function that an operation names, by which of the two ways it has; nil for one of another segment than 0.
private func function(_ at: LinearAddress, hasSegment: Bool) throws(XenError) -> PCIFunction? {
  if hasSegment {
    let device = try GuestMemory.fetch(at, initial: physdev_pci_device())
    return device.seg == 0 ? PCIFunction(bus: device.bus, devfn: device.devfn) : nil
  }
  let device = try GuestMemory.fetch(at, initial: physdev_manage_pci())
  return PCIFunction(bus: device.bus, devfn: device.devfn)
}

/// PHYSDEVOP_pci_device_add, PHYSDEVOP_manage_pci_add, PHYSDEVOP_manage_pci_add_ext.
///
/// - Throws: `fault`; `noDevice` if the function is not there. (Virtual functions, and those of other segments, are taken at
///   the caller's word: their identifiers cannot be read.)
func addFunction(_ command: Int32, _ at: LinearAddress) throws(XenError) {
  var isVirtual = false
  switch command {
  case PHYSDEVOP_pci_device_add:
    isVirtual = try GuestMemory.fetch(at, initial: martlet_pci_device_add()).flags & UInt32(XEN_PCI_DEV_VIRTFN) != 0
  case PHYSDEVOP_manage_pci_add_ext:
    isVirtual = try GuestMemory.fetch(at, initial: physdev_manage_pci_ext()).is_virtfn != 0
  default: break
  }
  guard let function = try function(at, hasSegment: command == PHYSDEVOP_pci_device_add), !isVirtual else { return }
  guard function.exists else { throw .noDevice }
}

/// PHYSDEVOP_pci_device_remove, PHYSDEVOP_manage_pci_remove: its messages come no more.
///
/// - Throws: `fault`.
func removeFunction(_ command: Int32, _ at: LinearAddress) throws(XenError) {
  guard let function = try function(at, hasSegment: command == PHYSDEVOP_pci_device_remove) else { return }
  InterruptRouting.removeMessages(of: function)
}

/// PHYSDEVOP_restore_msi, PHYSDEVOP_restore_msi_ext: its registers are written again, as after a reset.
///
/// - Throws: `fault`; `noDevice` for one of another segment.
func restoreFunction(_ command: Int32, _ at: LinearAddress) throws(XenError) {
  guard let function = try function(at, hasSegment: command == PHYSDEVOP_restore_msi_ext) else { throw .noDevice }
  InterruptRouting.restoreMessages(of: function)
}

/// PHYSDEVOP_prepare_msix, PHYSDEVOP_release_msix: where the table is will not, or may, change. It is looked up each time.
///
/// - Throws: `fault`; `noDevice` if the function is not there.
func announceTable(_ at: LinearAddress) throws(XenError) {
  guard let function = try function(at, hasSegment: true), function.exists else { throw .noDevice }
}

/// PHYSDEVOP_pci_mmcfg_reserved: whether the memory-mapped configuration space can be relied on. The hypervisor goes through
/// the ports.
///
/// - Throws: `fault`.
func reserveConfigurationSpace(_ at: LinearAddress) throws(XenError) {
  _ = try GuestMemory.fetch(at, initial: physdev_pci_mmcfg_reserved())
}

/// PHYSDEVOP_dbgp_op: the USB debug port is reset. The console does not use one.
///
/// - Throws: always: `fault`, or `noDevice`.
func debugPort(_ at: LinearAddress) throws(XenError) {
  _ = try GuestMemory.fetch(at, initial: UInt8(0))
  throw .noDevice
}
