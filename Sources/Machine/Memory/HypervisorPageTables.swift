// SPDX-License-Identifier: Apache-2.0
// The page tables of the hypervisor's own region, made once at boot and shared by every address space: each top-level table of
// a guest gets the same sixteen entries (`slotEntries`).
//
// Named rule W1: nothing in the region is both writable and executable. Text is executable and read-only, constants are
// read-only, everything else is not executable.
//
// Named rule W2: no entry on any level has the U bit but on the way to what guests read, the machine-to-physical table. It is
// not enough that the last entries lack it: a guest whose top-level table has itself in one of its slots (a linear table) has
// these tables at the end of walks, and their entries as last ones. What it can read by that of the machine-to-physical table's
// own tables is where that table is.
import CMachine

/// The hypervisor's own mappings.
public struct HypervisorPageTables: ~Copyable {
  /// The top-level table with nothing but the region: what an idle CPU runs on.
  public let root: MachineFrame

  /// Where tables come from while boot runs.
  public init?(memory: inout BootMemory) {
    guard let frame = memory.allocate(frames: 1, limit: 1 &<< 20) else { return nil }
    PhysicalWindow.clear(frame)
    root = frame
  }

  /// The entry that every address space has in one of the region's slots (256 to 271).
  public func slotEntry(_ slot: Int) -> UInt64 { PhysicalWindow.load(root, word: slot) }

  /// The table that an entry leads to, made if need be. `user` is PTE.user if guests are to get at something below, else zero.
  func nextTable(_ table: MachineFrame, _ index: Int, user: UInt64, memory: inout BootMemory) -> MachineFrame? {
    let entry = PhysicalWindow.load(table, word: index)
    if entry & PTE.present != 0 {
      if entry & user != user { PhysicalWindow.store(table, word: index, entry | user) }
      return MachineFrame(physical: entry & PTE.frameMask)
    }
    guard let frame = memory.allocate(frames: 1, limit: 1 &<< 20) else { return nil }
    PhysicalWindow.clear(frame)
    // What may be written is said by the last entry.
    PhysicalWindow.store(table, word: index, frame.physical | PTE.present | PTE.writable | user)
    return frame
  }

  /// Maps `frames` frames at `linear` with the given last-level bits, in large pages where alignment allows.
  public func map(
    linear: UInt64, to first: MachineFrame, frames: UInt64, bits: UInt64, memory: inout BootMemory
  ) -> Bool {
    var done: UInt64 = 0
    let user = bits & PTE.user
    while done < frames {
      let address = LinearAddress(linear &+ done &<< 12)
      let frame = first + done
      guard let l3 = nextTable(root, address.index(level: 4), user: user, memory: &memory) else { return false }
      if CPUFeatures.current.gigabytePages && address.raw & 0x3fff_ffff == 0 && frame.number & 0x3ffff == 0
        && frames &- done >= 0x40000 && bits & PTE.user == 0
      {
        PhysicalWindow.store(l3, word: address.index(level: 3), frame.physical | bits | PTE.large)
        done &+= 0x40000
        continue
      }
      guard let l2 = nextTable(l3, address.index(level: 3), user: user, memory: &memory) else { return false }
      if address.raw & 0x1f_ffff == 0 && frame.number & 0x1ff == 0 && frames &- done >= 0x200 {
        PhysicalWindow.store(l2, word: address.index(level: 2), frame.physical | bits | PTE.large)
        done &+= 0x200
        continue
      }
      guard let l1 = nextTable(l2, address.index(level: 2), user: user, memory: &memory) else { return false }
      PhysicalWindow.store(l1, word: address.index(level: 1), frame.physical | bits)
      done &+= 1
    }
    return true
  }

  /// The level-1 table that serves `linear`, made if need be: for areas whose entries change later.
  public func lastTable(linear: UInt64, memory: inout BootMemory) -> MachineFrame? {
    let address = LinearAddress(linear)
    guard let l3 = nextTable(root, address.index(level: 4), user: 0, memory: &memory),
      let l2 = nextTable(l3, address.index(level: 3), user: 0, memory: &memory)
    else { return nil }
    return nextTable(l2, address.index(level: 2), user: 0, memory: &memory)
  }

  /// Maps the image by its parts, as rule W1 says. Physical addresses follow from the image's link addresses.
  public func mapImage(memory: inout BootMemory) -> Bool {
    #if os(Linux)
      return true
    #else
      let parts = ImageLayout.current
      return map(part: parts.start, parts.textEnd, PTE.present, memory: &memory)
        && map(part: parts.textEnd, parts.constantsEnd, PTE.present | PTE.noExecute, memory: &memory)
        && map(part: parts.constantsEnd, parts.end, PTE.present | PTE.writable | PTE.noExecute, memory: &memory)
    #endif
  }

  func map(part start: UInt64, _ end: UInt64, _ bits: UInt64, memory: inout BootMemory) -> Bool {
    map(
      linear: start, to: MachineFrame(physical: start &- HypervisorSpace.image), frames: (end &- start &+ 4095) &>> 12,
      bits: bits, memory: &memory)
  }
}

/// Where the linker put the parts of the image: page-aligned linear addresses.
public struct ImageLayout {
  /// The image's first byte, where text begins.
  public let start: UInt64
  /// Where text ends and constants begin.
  public let textEnd: UInt64
  /// Where constants end and data begin.
  public let constantsEnd: UInt64
  /// Where data ends.
  public let end: UInt64

  #if !os(Linux)
    /// The running image.
    public static var current: ImageLayout {
      // SAFETY: 1. Addresses of the linker's symbols; nothing is read.
      unsafe ImageLayout(
        start: UInt64(UInt(bitPattern: martlet_image_start_address())),
        textEnd: UInt64(UInt(bitPattern: martlet_text_end_address())),
        constantsEnd: UInt64(UInt(bitPattern: martlet_rodata_end_address())),
        end: UInt64(UInt(bitPattern: martlet_image_end_address())))
    }

    /// The physical range of the image, as frame numbers.
    public var frames: (start: UInt64, end: UInt64) {
      ((start &- HypervisorSpace.image) &>> 12, (end &- HypervisorSpace.image &+ 4095) &>> 12)
    }
  #endif
}
