// SPDX-License-Identifier: Apache-2.0
//
// platform_op as Linux uses it: the processors, and the interface version.

import CGuestKit
import GuestKit

/// platform-op: get_cpuinfo, get_cpu_version, a wrong interface version, an unknown command.
func platformOperations() -> Guest {
  Guest("platform-op", "get_cpuinfo answers; a wrong version and an unknown command are refused") {
    () throws(Failure) in
    // struct xen_platform_op: cmd, interface version, then the union at 8
    let request = Request()
    request.set32(0, UInt32(XENPF_get_cpuinfo))
    request.set32(4, UInt32(XENPF_INTERFACE_VERSION))
    request.set32(8, 0)
    try expect("get_cpuinfo", hypercall(__HYPERVISOR_platform_op, request.address), 0)
    Console.line("  max_present", UInt64(request.get32(12)))
    try expect("online", request.get32(16) & 3, UInt32(XEN_PCPU_FLAGS_ONLINE))
    try expect("apic id", request.get32(20), 0)
    request.set32(8, 99)
    let beyond = hypercall(__HYPERVISOR_platform_op, request.address)
    try require("a processor that is not there", beyond != 0 || request.get32(16) & 2 == 2)
    request.set32(0, UInt32(XENPF_get_cpu_version))
    request.set32(8, 0)
    try expect("get_cpu_version", hypercall(__HYPERVISOR_platform_op, request.address), 0)
    try expect("family", request.get32(28) & 0xff, 6)
    request.set32(0, 999)
    try expect("unknown command", hypercall(__HYPERVISOR_platform_op, request.address), ErrorCode.noSystemCall)
    request.set32(0, UInt32(XENPF_get_cpuinfo))
    request.set32(4, 0x1234)
    try expect("wrong interface version", hypercall(__HYPERVISOR_platform_op, request.address), ErrorCode.access)
  }
}
