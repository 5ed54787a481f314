// SPDX-License-Identifier: Apache-2.0
//
// xen_version: every sub-operation.

import CGuestKit
import GuestKit

/// xen-version: numbers, strings, features, page size, build-id, refusals.
func version() -> Guest {
  Guest("xen-version", "every subop of xen_version answers or refuses as it should") { () throws(Failure) in
    func ask(_ command: Int32, _ request: Request) -> Int { request.call(__HYPERVISOR_xen_version, command) }
    try expect("version 4.17", hypercall(__HYPERVISOR_xen_version, UInt64(XENVER_version)), 4 << 16 | 17)
    let text = Request()
    try expect("extraversion", ask(XENVER_extraversion, text), 0)
    Console.put("  extra version ")
    Console.put(textAt: text.address, limit: 16)
    Console.end()
    try require("extra version is not empty", Memory.load8(text.address) != 0)
    try expect("compile_info", ask(XENVER_compile_info, Request()), 0)
    let capabilities = Request()
    try expect("capabilities", ask(XENVER_capabilities, capabilities), 0)
    try require("capabilities name xen-3.0-x86_64", StartInfo.bytes(at: capabilities.address, equal: "xen-3.0-x86_64"))
    try expect("changeset", ask(XENVER_changeset, Request()), 0)
    let parameters = Request()
    try expect("platform_parameters", ask(XENVER_platform_parameters, parameters), 0)
    try expect("virt_start", parameters.get64(0), 0xffff_8000_0000_0000)
    let features = Request()
    try expect("get_features 0", ask(XENVER_get_features, features), 0)
    let map = features.get32(4)
    Console.line("  features", UInt64(map))
    try require("mmu_pt_update_preserve_ad", map >> UInt32(XENFEAT_mmu_pt_update_preserve_ad) & 1 == 1)
    try require("pae_pgdir_above_4gb", map >> UInt32(XENFEAT_pae_pgdir_above_4gb) & 1 == 1)
    try require("dom0", map >> UInt32(XENFEAT_dom0) & 1 == 1)
    try require("not auto-translated", map >> UInt32(XENFEAT_auto_translated_physmap) & 1 == 0)
    features.set32(0, 77)
    try expect("get_features 77", ask(XENVER_get_features, features), ErrorCode.invalid)
    try expect("pagesize", hypercall(__HYPERVISOR_xen_version, UInt64(XENVER_pagesize)), 4096)
    try expect("guest_handle", ask(XENVER_guest_handle, Request()), 0)
    try expect("commandline", ask(XENVER_commandline, Request()), 0)
    try expect("unknown", hypercall(__HYPERVISOR_xen_version, 99), ErrorCode.noSystemCall)
    try expect("extraversion to nowhere", hypercall(__HYPERVISOR_xen_version, 1, 0x1000), ErrorCode.badAddress)
  }
}
