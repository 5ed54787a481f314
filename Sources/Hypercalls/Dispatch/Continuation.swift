// SPDX-License-Identifier: Apache-2.0
// How calls that were stopped go on: the guest makes the same call again (SystemCall.swift), so what is left to do has to stand in
// the call's arguments, in memory of the guest's that the call names, or in what has been changed already.
//
//   call                        what has been done is told by
//   multicall                   arguments 0 (next entry) and 1 (entries left); the entry at work by its own arguments
//   mmu_update, mmuext_op       arguments 0 and 1, with bit 31 of the latter set; the number done stands where 2 says
//   grant_table_op, lists       arguments 1 and 2; cache_flush in the upper half of 0, too: how far its search is
//   grant_table_op, setup_table the table, which has grown
//   console_io, write           arguments 2 and 1
//   set_trap_table              argument 0: the list has a mark at its end
//   memory_op, reservations     argument 0, from bit 6 on: extents done, or frames (decrease_reservation)
//   memory_op, exchange         nr_exchanged, in the caller's structure
//   event_channel_op, reset     argument 0 becomes another operation, argument 2 the next port
//   domctl, sysctl              what has changed, or the caller's structure; getdomaininfolist: argument 1 (Control)
//   what throws `restart`       what has changed: page tables remember how far they are; or nothing, and it begins anew
//
// Arguments are counted from 0. A guest that forges any of these skips work of its own.
import Machine

/// Which arguments of a call say what is left of a list.
struct ListArguments {
  /// The one with the address of the next entry.
  let next: Int
  /// The one with the number of entries left.
  let left: Int

  @inline(__always)
  private init(next: Int, left: Int) {
    self.next = next
    self.left = left
  }

  /// `multicall`.
  @inline(__always) static var calls: ListArguments { ListArguments(next: 0, left: 1) }
  /// `mmu_update`, `mmuext_op`.
  @inline(__always) static var tableRequests: ListArguments { ListArguments(next: 0, left: 1) }
  /// `grant_table_op`.
  @inline(__always) static var grants: ListArguments { ListArguments(next: 1, left: 2) }
  /// `console_io`: the entries are characters.
  @inline(__always) static var characters: ListArguments { ListArguments(next: 2, left: 1) }
}

extension Hypercall {
  /// Has the call go on with what is left of its list.
  @inline(__always)
  mutating func again(_ list: ListArguments, from next: LinearAddress, left: UInt64) -> HypercallOutcome {
    arguments[list.next] = next.raw
    arguments[list.left] = left
    return .again
  }
}
