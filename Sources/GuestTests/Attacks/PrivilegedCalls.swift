// SPDX-License-Identifier: Apache-2.0
//
// What only Domain 0 may do: domctl, sysctl, platform_op, most of physdev_op, and calls that Debian's Xen does not have.

import CGuestKit
import GuestKit

/// attack-domctl: every domctl, sysctl and platform operation at the right version, on every domain.
func controlCalls() -> Guest {
  attack("attack-domctl", "domctl, sysctl and platform_op are refused, whatever they ask and of whom") {
    () throws(Failure) in
    let request = Request()
    let buffer = Pages.take()
    for command in UInt32(0)..<110 {
      // struct xen_domctl: command, version, domain, union; xen_sysctl: command, version, union. Both are version 0x15.
      for domain in [Victim.domain, 0, GrantTable.ownDomain, selfDomain, 0x7ff4, 0xffff] {
        for word in UInt64(0)..<16 { request.set64(word * 8, buffer) }
        request.set32(0, command)
        request.set32(4, 0x15)
        request.set64(8, UInt64(domain))
        refused("domctl", hypercall(__HYPERVISOR_domctl, request.address), UInt64(command))
      }
      request.set32(0, command)
      request.set32(4, 0x15)
      refused("sysctl", hypercall(__HYPERVISOR_sysctl, request.address), UInt64(command))
      request.set32(0, command)
      request.set32(4, UInt32(XENPF_INTERFACE_VERSION))
      refused("platform_op", hypercall(__HYPERVISOR_platform_op, request.address), UInt64(command))
    }
    // Destroying, pausing, unpausing: EPERM.
    for command: UInt32 in [2, 3, 4] {
      request.set32(0, command)
      request.set32(4, 0x15)
      request.set64(8, UInt64(Victim.domain))
      try refused(
        "domctl", hypercall(__HYPERVISOR_domctl, request.address), with: ErrorCode.notPermitted,
        or: ErrorCode.noSuchDomain)
    }
    // Other versions say so, or EPERM; they never do it.
    for version: UInt32 in [0, 0x14, 0x16, ~0] {
      request.set32(0, 2)
      request.set32(4, version)
      refused("domctl of another version", hypercall(__HYPERVISOR_domctl, request.address), UInt64(version))
      refused("sysctl of another version", hypercall(__HYPERVISOR_sysctl, request.address), UInt64(version))
    }
    for number in [
      __HYPERVISOR_xsm_op, __HYPERVISOR_xenoprof_op, __HYPERVISOR_kexec_op, __HYPERVISOR_tmem_op, __HYPERVISOR_argo_op,
      __HYPERVISOR_xenpmu_op, __HYPERVISOR_dm_op, __HYPERVISOR_hypfs_op, __HYPERVISOR_hvm_op, __HYPERVISOR_arch_0,
    ] {
      for command in UInt64(0)..<32 {
        // What a call without meaning for us answers differs; that it does nothing is all that counts.
        if hypercall(number, command, request.address, 1, buffer) > 0 {
          breach("an answer", UInt64(number) << 32 | command)
        }
      }
    }
    refused("another domain shut down", remoteShutdown(Victim.domain))
    refused("Domain 0 shut down", remoteShutdown(0))
  }
}

private func remoteShutdown(_ domain: UInt16) -> Int {
  var request = sched_remote_shutdown(domain_id: domain, reason: UInt32(SHUTDOWN_poweroff))
  return hypercall(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &request)
}

/// attack-physdev: interrupts, PCI devices, I/O APICs.
func physicalDevices() -> Guest {
  attack("attack-physdev", "interrupts, PCI functions and I/O APICs are not a guest's") { () throws(Failure) in
    let request = Request()
    for command in UInt64(0)..<40 {
      for _ in 0..<24 {
        for word in UInt64(0)..<8 { request.set64(word * 8, randomWord()) }
        let result = hypercall(__HYPERVISOR_physdev_op, command, request.address)
        switch command {
        // Own I/O privilege, own bitmap, acknowledging own interrupts, and asking about them: nobody else's business.
        case 4, 5, 6, 7, 12, 17, 28: break
        case 23, 14: if result > 0 { breach("a physical operation", command) }
        default: refused("a physical operation", result, command)
        }
      }
    }
    // struct physdev_apic: address, register, value; physdev_map_pirq: domain, type, index, pirq...
    request.set64(0, 0xfec0_0000)
    request.set64(8, 0x10)
    refused("the I/O APIC read", request.call(__HYPERVISOR_physdev_op, PHYSDEVOP_apic_read))
    refused("the I/O APIC written", request.call(__HYPERVISOR_physdev_op, PHYSDEVOP_apic_write))
    for domain in [selfDomain, Victim.domain, 0] {
      for type in UInt64(0)...4 {
        request.set64(0, UInt64(domain) | type << 32)
        request.set64(8, UInt64(UInt32(bitPattern: -1)) << 32 | 4)
        refused("an interrupt mapped", request.call(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq), UInt64(domain))
      }
    }
  }
}
