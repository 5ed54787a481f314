// SPDX-License-Identifier: Apache-2.0
// Page-table entries that show granted frames: the one seam between grants and page tables.
//
// What grants need of page tables, and what page tables have to keep for grants:
//
//   - An entry written here carries `PTE.grantMapping`. It holds no reference of its own (G5): the pin of the grant holds one
//     general reference, and one writable use where the entry allows writing. Taking a page table apart passes over such
//     entries: dropping references for them would drop the pin's.
//   - No guest can make such an entry, or change the frame or the rights of one. It may clear one, to its own loss: the pin then
//     lasts until the domain ends. It cannot clear the accessed bit of one (`updateLevel1` keeps it set), so that the bit tells
//     whether any CPU can have the translation cached: `Removal.untouched` rests on this.
//   - `install` may overwrite an ordinary entry, whose references it then drops like any other update (I3). It refuses to
//     overwrite another grant's, whose pin could never be given up any more.
//
// All of this happens under the domain's page-table lock. Its rank is above that of grant tables, but no grant table is locked
// when these are called.
import Frames
import Machine
import XenABI

/// Installing and removing page-table entries for granted frames.
public enum GrantMapping {
  /// What has become of an entry that was to be removed.
  public enum Removal {
    /// The entry is not the one expected; nothing was changed.
    case refused
    /// Removed; no CPU has used it, so none has its translation cached.
    case untouched
    /// Removed; translations may still be cached, and have to be flushed before the pin is given up.
    case accessed
  }

  /// Writes `entry` (frame and flags, without `PTE.grantMapping`) where the guest asks for it.
  ///
  /// - Parameters:
  ///   - vcpu: The calling vCPU, whose current kernel tables give a linear address its meaning.
  ///   - hostAddress: A linear address; or, if `containsPTE`, the machine address of the page-table entry.
  /// - Returns: False if there is no level 1 table of the domain's there, or the entry there shows another grant.
  public static func install(
    domain: Ref<Domain>, vcpu: Ref<VCPU>, hostAddress: UInt64, containsPTE: Bool, entry: UInt64
  ) -> Bool {
    let replaced: UInt64? = domain[].pageTables.withLock { _ in
      guard let place = find(domain, vcpu, hostAddress, containsPTE) else { return nil }
      let old = PhysicalWindow.load(place.table, word: place.word)
      if old & PTE.present != 0 && old & PTE.grantMapping != 0 { return nil }
      return ledger[].exchangeGrantEntry(
        place.table, place.word, entry | PTE.grantMapping, owner: domain[].id, expectedFrame: nil)
    }
    guard let replaced else { return false }
    // So that the domain sees the new page from here on; that the old one can become something else is F1's matter.
    if replaced & (PTE.present | PTE.accessed) == PTE.present | PTE.accessed {
      TLB.flush(ledger[].accounts.translating(domain[].id))
    }
    return true
  }

  /// Replaces the entry that shows `expectedFrame` as a grant, writable or not as given, by `replacement` (zero, or an entry
  /// that shows nothing). An entry that matches in the frame only is another mapping, of which another handle tells.
  public static func remove(
    domain: Ref<Domain>, vcpu: Ref<VCPU>, hostAddress: UInt64, containsPTE: Bool, expectedFrame: MachineFrame,
    writable: Bool, replacement: UInt64
  ) -> Removal {
    domain[].pageTables.withLock { _ in
      guard let place = find(domain, vcpu, hostAddress, containsPTE), shows(place, expectedFrame, writable) else {
        return .refused
      }
      guard
        let old = ledger[].exchangeGrantEntry(
          place.table, place.word, replacement, owner: domain[].id, expectedFrame: expectedFrame)
      else { return .refused }
      return old & PTE.accessed != 0 ? .accessed : .untouched
    }
  }

  /// As `remove`, but puts there what `newAddress` (a linear address) shows now, which shows nothing afterwards. References
  /// move with the entry.
  public static func replace(
    domain: Ref<Domain>, vcpu: Ref<VCPU>, hostAddress: UInt64, expectedFrame: MachineFrame, writable: Bool,
    newAddress: UInt64
  ) -> Removal {
    domain[].pageTables.withLock { _ in
      guard let place = find(domain, vcpu, hostAddress, false), shows(place, expectedFrame, writable),
        let source = find(domain, vcpu, newAddress, false), source != place, isLevel1(place.table, domain),
        isLevel1(source.table, domain)
      else { return .refused }
      let moved = PhysicalWindow.exchange(source.table, word: source.word, 0)
      let old = PhysicalWindow.exchange(place.table, word: place.word, moved)
      return (old | moved) & PTE.accessed != 0 ? .accessed : .untouched
    }
  }

  /// Where a page-table entry stands.
  struct Place: Equatable {
    var table: MachineFrame
    var word: Int
  }

  @inline(__always)
  static func shows(_ place: Place, _ frame: MachineFrame, _ writable: Bool) -> Bool {
    let entry = PhysicalWindow.load(place.table, word: place.word)
    let wanted = frame.physical | PTE.grantMapping | PTE.present | (writable ? PTE.writable : 0)
    return entry & (PTE.frameMask | PTE.grantMapping | PTE.present | PTE.writable) == wanted
  }

  /// Where an address leads: some word of memory, of which only `exchangeGrantEntry` and `isLevel1` say that it stands in a
  /// level 1 table of the domain's.
  @inline(__always)
  static func find(_ domain: Ref<Domain>, _ vcpu: Ref<VCPU>, _ hostAddress: UInt64, _ containsPTE: Bool) -> Place? {
    if containsPTE {
      let table = MachineFrame(physical: hostAddress)
      guard hostAddress & 7 == 0, PhysicalWindow.contains(table) else { return nil }
      return Place(table: table, word: Int(hostAddress & 0xfff) &>> 3)
    }
    let address = LinearAddress(hostAddress)
    guard address.isCanonical, !address.isHypervisor, address.pageOffset == 0,
      let place = GuestTables.level1Entry(vcpu, address)
    else { return nil }
    return Place(table: place.table, word: place.index)
  }

  static func isLevel1(_ table: MachineFrame, _ domain: Ref<Domain>) -> Bool {
    let word = ledger[].type(table)
    return word.type == .level1 && word.isValidated && word.count > 0 && ledger[].owner(table) == domain[].id
  }
}
