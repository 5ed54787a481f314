// SPDX-License-Identifier: Apache-2.0
// A request about extents of memory (struct xen_memory_reservation), decoded and checked.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

/// What a caller asks for.
struct MemoryReservation {
  /// Where the list of extents is; zero for none.
  let list: LinearAddress
  /// How many extents there are.
  let count: UInt64
  /// How many frames each has, as a power of two.
  let order: UInt32
  /// Frames must lie below this number (from the address bits of `mem_flags`).
  let limit: UInt64
  /// Whether the flags ask for what there is not: another NUMA node only, or filling on demand.
  let isImpossible: Bool
  /// The domain, as the caller names it.
  let domain: UInt16

  /// Extents of a whole call must be countable in the continuation's bits.
  static let countLimit = UInt64.max &>> MemoryCommand.shift

  init(_ wire: martlet_memory_reservation) {
    list = LinearAddress(wire.extent_start)
    count = wire.nr_extents
    order = wire.extent_order
    limit = MemoryReservation.frameLimit(flags: wire.mem_flags)
    isImpossible = MemoryReservation.isImpossible(flags: wire.mem_flags)
    domain = wire.domid
  }

  /// The frame number below which memory with `flags` must end. Zero address bits mean no limit.
  static func frameLimit(flags: UInt32) -> UInt64 {
    let bits = UInt64(flags & 0xff)
    if bits == 0 || bits >= 64 { return UInt64.max }
    return bits <= 12 ? 0 : 1 &<< (bits &- 12)
  }

  /// Whether memory with these flags cannot exist here: there is one node, number 0, and nothing is filled on demand.
  static func isImpossible(flags: UInt32) -> Bool {
    if flags & populateOnDemand != 0 { return true }
    // The node is stored plus one; zero means any.
    let node = flags &>> 8 & 0xff
    return flags & exactNode != 0 && node > 1
  }
  // XENMEMF_populate_on_demand, XENMEMF_exact_node_request.
  private static let populateOnDemand: UInt32 = 1 &<< 16
  private static let exactNode: UInt32 = 1 &<< 17

  /// The largest extents that a caller may ask for: 2 MiB, or 16 MiB for who builds domains. An extent changes hands in one go,
  /// so it cannot be as large as one likes; the tools build PV domains of extents of 2 MiB and smaller ones.
  static func maximumOrder(_ caller: Ref<Domain>) -> UInt32 { caller[].isPrivileged ? 12 : 9 }

  /// Where entry `index` of the list is. (An address that wraps is no worse than any other: each entry is checked.)
  func entry(_ index: UInt64) -> LinearAddress { list + index &* 8 }

  /// How many frames an extent has. The order must have been checked.
  var extentSize: UInt64 { 1 &<< UInt64(order) }
}

/// The extents of one call, one after the other: where the call stands, and when it has to pause.
struct ExtentProgress {
  var done: UInt64
  private let units: Int32

  /// Starts after `done` extents of 2^order frames.
  init(done: UInt64, order: UInt32) {
    self.done = done
    units = 1 &<< Int32(order)
  }

  /// Has the frames of the next extent cleared, as long as there is time; whether they are. (A large extent takes longer to clear
  /// than a stretch may last.)
  mutating func prepare(order: UInt32, limit: UInt64) -> Bool {
    guard order >= 7 else { return true }
    while !ledger[].prepare(order: Int(order), limit: limit) { if Stretch.isOver { return false } }
    return true
  }

  /// Notes that an extent is done; whether it is time to pause.
  mutating func advance() -> Bool {
    done &+= 1
    Stretch.spend(units)
    return Stretch.isOver
  }
}
