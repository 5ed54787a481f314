// SPDX-License-Identifier: Apache-2.0
// A guest's LDT, shown to the CPU page by page as it is used: only descriptor pages that have been checked are ever seen.
import Frames
import Machine
import XenABI

enum DescriptorArea {
  /// Which byte of this CPU's LDT a linear address is, if it is one.
  static func ldtOffset(_ address: UInt64) -> UInt64? {
    let base = Ref<PhysicalCPU>.current[].area.ldtBase
    return address >= base && address < base &+ 0x1_0000 ? address &- base : nil
  }

  /// If `address` is in this CPU's LDT and the vCPU has a descriptor page there, shows it. Gives whether it did.
  static func showLDT(_ vcpu: Ref<VCPU>, _ address: UInt64) -> Bool {
    guard let offset = ldtOffset(address), vcpu[].ldtEntries > 0 else { return false }
    let cpu = Ref<PhysicalCPU>.current
    let page = Int(offset &>> 12)
    guard page < (vcpu[].ldtEntries &+ 511) / 512, !cpu[].area.hasLDT(page: page) else { return false }
    let linear = LinearAddress((vcpu[].ldtBase & ~0xfff) &+ UInt64(page) &<< 12)
    guard linear.isCanonical, !linear.isHypervisor, let entry = GuestTables.level1Entry(vcpu, linear)?.value,
      entry & PTE.present != 0
    else { return false }
    let frame = MachineFrame(physical: entry & PTE.frameMask)
    do { try ledger[].useDescriptors(frame, owner: vcpu[].domain[].id) } catch { return false }
    cpu[].area.setLDT(page: page, frame)
    cpu[].ldtFrames[page] = frame
    cpu[].ldtPages |= 1 &<< UInt16(page)
    return true
  }
}
