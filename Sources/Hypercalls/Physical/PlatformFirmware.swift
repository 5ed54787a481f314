// SPDX-License-Identifier: Apache-2.0
// What the firmware has left behind, and the sleep states that it offers.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

/// XENPF_firmware_info. The hypervisor starts from a boot loader's protocol, in which the BIOS can no longer be asked for disks
/// and monitors; the state of the keyboard still stands in its data area.
///
/// - Throws: `fault`; `noSuchDomain` (ESRCH) for what there is no record of, as after the last of a list; `notImplemented` for
///   EFI; `invalid` for a type that does not exist.
func firmwareInformation(_ at: LinearAddress) throws(XenError) {
  let type = Int32(bitPattern: try GuestMemory.fetch(at, initial: UInt32(0)))
  let index = try GuestMemory.fetch(at + 4, initial: UInt32(0))
  switch type {
  case XEN_FW_DISK_INFO, XEN_FW_DISK_MBR_SIGNATURE, XEN_FW_VBEDDC_INFO: throw .noSuchDomain
  case XEN_FW_EFI_INFO: throw .notImplemented
  case XEN_FW_KBD_SHIFT_FLAGS:
    guard index == 0 else { throw .noSuchDomain }
    // The BIOS data area, unless its frame was given away as RAM.
    let page = MachineFrame(0)
    let isLeft = ledger[].owner(page) == .io && PhysicalWindow.contains(page)
    let flags = isLeft ? PhysicalWindow.load8(page, byte: 0x417) : 0
    try GuestMemory.put(at + UInt64(OFFSET_firmware_kbd_shift_flags), flags)
  default: throw .invalid
  }
}

/// XENPF_enter_acpi_sleep: S5 switches the machine off; there is no other state to come back from.
///
/// - Throws: `fault`; `notSupported` for another state, the extended sleep registers, or without known registers.
func enterSleep(_ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: xenpf_enter_acpi_sleep())
  guard request.sleep_state == 5, request.flags == 0, MachineEnd.canPowerOff else { throw .notSupported }
  MachineEnd.powerOff(a: request.val_a, b: request.val_b)
}

/// XENPF_platform_quirk: hints about broken machines. None of them changes what is done here: interrupts move only when a
/// guest moves them, and I/O APICs are always told the register anew.
///
/// - Throws: `fault`; `invalid` for one that does not exist.
func platformQuirk(_ at: LinearAddress) throws(XenError) {
  let quirk = Int32(bitPattern: try GuestMemory.fetch(at, initial: UInt32(0)))
  guard quirk >= QUIRK_NOIRQBALANCING, quirk <= QUIRK_IOAPIC_GOOD_REGSEL else { throw .invalid }
}

/// XENPF_read_memtype: a range of memory whose type the firmware has set (MTRR).
///
/// - Throws: `fault`; `notSupported` without such registers; `invalid` beyond the last.
func memoryType(_ at: LinearAddress) throws(XenError) {
  var request = try GuestMemory.fetch(at, initial: xenpf_read_memtype())
  // IA32_MTRRCAP: how many pairs there are in bits 7 to 0. The first pair is 0x200, 0x201.
  guard let capabilities = Registers.msr(MSRNumber.memoryTypeCapabilities) else { throw .notSupported }
  guard UInt64(request.reg) < capabilities & 0xff else { throw .invalid }
  guard let base = Registers.msr(MSRNumber.memoryTypeRanges.lowerBound &+ 2 &* request.reg),
    let mask = Registers.msr(MSRNumber.memoryTypeRanges.lowerBound &+ 2 &* request.reg &+ 1)
  else {
    throw .notSupported
  }
  let range = MemoryTypeRange(base: base, mask: mask, physicalBits: CPUFeatures.current.physicalBits)
  request.mfn = UInt(range.start)
  request.nr_mfns = range.frames
  request.type = range.type
  try GuestMemory.put(at, request)
}

/// What a pair of memory type range registers says.
struct MemoryTypeRange: Equatable {
  var start: UInt64 = 0
  /// Zero for a pair that is not in use.
  var frames: UInt64 = 0
  var type: UInt32 = 0

  init(base: UInt64, mask: UInt64, physicalBits: UInt8) {
    guard mask & 0x800 != 0 else { return }
    let width = UInt64(1) &<< UInt64(max(13, min(physicalBits, 52)))
    start = (base & (width &- 1)) &>> 12
    // The mask has ones from the range's size upwards.
    let pages = (mask & (width &- 1)) &>> 12
    frames = pages == 0 ? width &>> 12 : pages & (0 &- pages)
    type = UInt32(base & 0xff)
  }
}
