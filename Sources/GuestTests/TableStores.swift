// SPDX-License-Identifier: Apache-2.0
//
// SGDT, SIDT, SLDT, STR and SMSW. Applications were always allowed to use them; a CPU with UMIP has them fault, and the hypervisor
// then does them for the guest.

import GuestKit

/// table-stores: they work, write as much as they should, and tell nothing of the hypervisor's tables.
func tableStores() -> Guest {
  Guest("table-stores", "SGDT, SIDT, SLDT, STR and SMSW work and tell nothing of the hypervisor") {
    () throws(Failure) in
    let place = Pages.take()
    for (name, group): (StaticString, UInt8) in [("sgdt", 0x07), ("sidt", 0x0f)] {
      for offset: UInt64 in [0, 8, 16] { Memory.store64(place + offset, ~0) }
      try expectNoFault(name, attempt([0x0f, 0x01, group], rdi: place))
      try expect(name, Memory.load64(place + 2), 0)
      try expect("bytes behind it", Memory.load64(place + 10), ~0)
    }
    for (name, group): (StaticString, UInt8) in [("sldt", 0xc0), ("str", 0xc8)] {
      let result = attempt([0x0f, 0x00, group], rax: 0x5555)
      try expectNoFault(name, result)
      try expect(name, result.registers.rax & 0xffff, 0)
    }
    let status = attempt([0x48, 0x0f, 0x01, 0xe0])
    try expectNoFault("smsw", status)
    try expect("smsw tells CR0, with protection and paging", status.registers.rax & 0x8000_0001, 0x8000_0001)
    // What cannot be written is a page fault at its address.
    let fault = attempt([0x0f, 0x01, 0x07], rdi: 0x10)
    try expectFault("sgdt to nowhere", fault, Vector.pageFault, error: 2)
  }
}
