// SPDX-License-Identifier: Apache-2.0
//
// set_trap_table itself: what it refuses, and that an entry without an address stops being delivered.

import CGuestKit
import GuestKit

/// trap-table: bad pointers are refused, entries before the bad one stand, the table can be replaced.
func trapTable() -> Guest {
  Guest("trap-table", "set_trap_table replaces entries and refuses a bad pointer") { () throws(Failure) in
    try expect("pointer to nothing", hypercall(__HYPERVISOR_set_trap_table, 0x1000), ErrorCode.badAddress)
    try expect(
      "pointer into the hypervisor", hypercall(__HYPERVISOR_set_trap_table, 0xffff_8300_0000_0000), ErrorCode.badAddress
    )
    // Send #UD to the entry of vector 40: the frame must say 40.
    try expect("install", Traps.install(6, address: Traps.stub(40)), 0)
    try expectFault("ud2 by another entry", attempt([0x0f, 0x0b]), 40)
    // A table may end exactly where memory does; its terminator is the entry with address 0.
    try expect("install again", Traps.install(6), 0)
    try expectFault("ud2", attempt([0x0f, 0x0b]), Vector.invalidOpcode)
    try expect(
      "an entry at a non-canonical address", Traps.install(40, address: 0x8000_0000_0000_0000), ErrorCode.invalid)
  }
}
