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

/// Walking the page tables of the running vCPU. Validated tables only lead to validated tables.
public enum GuestTables {
  /// A level-1 entry: its table, index and value.
  public struct Place {
    /// The level-1 table.
    public var table: MachineFrame
    /// The entry's index in it.
    public var index: Int
    /// The entry when it was read.
    public var value: UInt64
  }

  /// Whether the tables under `root` let the hypervisor write at an address of the guest's: every entry on the way is present and
  /// writable.
  static func permitWrite(_ root: MachineFrame, _ address: LinearAddress) -> Bool {
    guard !address.isHypervisor else { return false }
    let wanted = PTE.present | PTE.writable | PTE.user
    var table = root
    var level = 4
    while level > 0 {
      guard PhysicalWindow.contains(table) else { return false }
      let entry = PhysicalWindow.load(table, word: address.index(level: level))
      // There are no large pages in a guest's tables.
      guard entry & wanted == wanted, level != 2 || entry & PTE.large == 0 else { return false }
      table = MachineFrame(physical: entry & PTE.frameMask)
      level &-= 1
    }
    return true
  }

  /// The level-1 entry that kernel mode translates `address` by; nil if a higher level ends the walk.
  @inline(__always)
  public static func level1Entry(_ vcpu: Ref<VCPU>, _ address: LinearAddress) -> Place? {
    guard let root = vcpu[].kernelTable else { return nil }
    let l4 = PhysicalWindow.load(root, word: address.index(level: 4))
    guard l4 & PTE.present != 0 else { return nil }
    let l3 = PhysicalWindow.load(MachineFrame(physical: l4 & PTE.frameMask), word: address.index(level: 3))
    guard l3 & PTE.present != 0 else { return nil }
    let l2 = PhysicalWindow.load(MachineFrame(physical: l3 & PTE.frameMask), word: address.index(level: 2))
    guard l2 & (PTE.present | PTE.large) == PTE.present else { return nil }
    let table = MachineFrame(physical: l2 & PTE.frameMask)
    let index = address.index(level: 1)
    return Place(table: table, index: index, value: PhysicalWindow.load(table, word: index))
  }
}
