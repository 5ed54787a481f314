// SPDX-License-Identifier: Apache-2.0
//
// Device memory as Domain 0: mapped with DOMID_IO; the interrupt controllers stay the hypervisor's.

import CGuestKit
import GuestKit

/// map-device: VGA memory works, the local APIC is refused.
func mapDevice() -> Guest {
  Guest("map-device", "Domain 0 can map device memory, not the local APIC") { () throws(Failure) in
    let window = Pages.take()
    let place = EntryPlace.find(window).machineAddress
    let uncached = PageEntry.present | PageEntry.writable | PageEntry.cacheDisable
    try expect("VGA text memory", MMU.update(place, 0xb8 << 12 | uncached, domain: ioDomain), 0)
    try expect("flush", MMU.extended(MMUEXT_INVLPG_LOCAL, window), 0)
    try expectNoFault("write to it", attempt([0x66, 0x89, 0x07], rax: 0x0741, rdi: window + 0xff0))
    try expect("read back", Memory.load16(window + 0xff0), 0x0741)
    try expect("with our own domain", MMU.map(window, 0xb8 << 12 | uncached), 0)
    try require("the local APIC, writable", MMU.update(place, 0xfee00 << 12 | uncached, domain: ioDomain) < 0)
    try require(
      "RAM of ours as device memory", MMU.update(place, Frames.machine(window) << 12 | uncached, domain: ioDomain) < 0)
    try expect("unmap", MMU.map(window, 0), 0)
  }
}
