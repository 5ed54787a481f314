// SPDX-License-Identifier: Apache-2.0
// Where a guest's own tables lead: walks in software, as the CPU would go.
import Frames
import Machine
import XenABI

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
