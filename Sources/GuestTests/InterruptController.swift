// SPDX-License-Identifier: Apache-2.0
//
// The I/O APIC through PHYSDEVOP_apic_read, which is all of it that Domain 0 sees.

import CGuestKit
import GuestKit

/// ioapic: version register by hypercall; a wrong address is refused.
func interruptController() -> Guest {
  Guest("ioapic", "apic_read gives the I/O APIC's version register") { () throws(Failure) in
    // struct physdev_apic: base, register, value
    let request = Request()
    request.set64(0, 0xfec0_0000)
    request.set32(8, 1)
    try expect("apic_read", request.call(__HYPERVISOR_physdev_op, PHYSDEVOP_apic_read), 0)
    let value = request.get32(12)
    Console.line("  version register", UInt64(value))
    try expect("entries", value >> 16 & 0xff, 23)
    request.set64(0, 0xfee0_0000)
    try require("not an I/O APIC", request.call(__HYPERVISOR_physdev_op, PHYSDEVOP_apic_read) < 0)
  }
}
