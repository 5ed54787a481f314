// SPDX-License-Identifier: Apache-2.0
// domctl: what the toolstack does with domains. Which operation it is, on which domain, and whether the caller may: here and
// nowhere else.
import CXenABI
import Domains
import Machine
import XenABI

/// One domctl: the domain it is about, and where its arguments stand.
struct DomainRequest {
  /// The domain.
  let domain: Ref<Domain>
  /// The domctl's first byte (`struct xen_domctl`).
  let at: LinearAddress

  /// The arguments of the operation (`u`).
  var body: LinearAddress { at + UInt64(OFFSET_domctl_body) }

  /// The domain's vCPU of a number in an argument.
  ///
  /// - Throws: `invalid` beyond the domain's limit; `noSuchDomain` for a vCPU that does not exist.
  func vcpu(_ number: UInt32) throws(XenError) -> Ref<VCPU> {
    guard UInt64(number) < UInt64(domain[].maximumVCPUs) else { throw .invalid }
    guard let vcpu = domain[].vcpu(VCPUID(number)) else { throw .noSuchDomain }
    return vcpu
  }
}

/// Operations on domains (`domctl(op)`, xen/domctl.h). Only those who control the machine may use any of them.
///
/// - Throws: `fault` if the arguments cannot be read or written; `accessDenied` for another interface version;
///   `notPermitted` without privilege; `noSuchDomain`; `notImplemented` for an operation that does not exist;
///   `notSupported` for one that is not for PV domains or not offered; what the operation throws.
func domctl(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let at = call.address(0)
  let words = try GuestMemory.fetch(at, initial: InlineArray<2, UInt64>(repeating: 0))
  let command = Int32(truncatingIfNeeded: words[0])
  guard UInt32(truncatingIfNeeded: words[0] &>> 32) == UInt32(XEN_DOMCTL_INTERFACE_VERSION) else {
    throw .accessDenied
  }
  guard call.domain[].isPrivileged else { throw .notPermitted }
  let number = UInt16(truncatingIfNeeded: words[1])
  switch command {
  case XEN_DOMCTL_createdomain: return try createDomain(&call, at, wanted: number)
  case XEN_DOMCTL_getdomaininfo: return try domainInformation(at, from: number)
  // About the machine's devices rather than a domain.
  case XEN_DOMCTL_test_assign_device, XEN_DOMCTL_get_device_group: throw .notImplemented
  default: break
  }
  let id = DomainID(number)
  guard let domain = id == .current ? call.domain : Hypervisor.domain(id) else { throw .noSuchDomain }
  let request = DomainRequest(domain: domain, at: at)
  switch command {
  // Life.
  case XEN_DOMCTL_destroydomain: return try destroyDomain(&call, request)
  case XEN_DOMCTL_pausedomain: return try pauseDomain(&call, request)
  case XEN_DOMCTL_unpausedomain: return try unpauseDomain(&call, request)
  case XEN_DOMCTL_resumedomain: return try resumeDomain(&call, request)
  case XEN_DOMCTL_max_vcpus: return try setMaximumVCPUs(&call, request)
  case XEN_DOMCTL_setdomainhandle: return try setHandle(request)
  case XEN_DOMCTL_setdebugging: return try setDebugging(&call, request)
  case XEN_DOMCTL_gdbsx_guestmemio: return try debuggerMemory(&call, request)
  case XEN_DOMCTL_gdbsx_pausevcpu: return try debuggerPause(&call, request)
  case XEN_DOMCTL_gdbsx_unpausevcpu: return try debuggerUnpause(&call, request)
  case XEN_DOMCTL_gdbsx_domstatus: return try debuggerStatus(request)
  case XEN_DOMCTL_settimeoffset: return try setTimeOffset(request)
  case XEN_DOMCTL_set_address_size: return try setAddressSize(request)
  case XEN_DOMCTL_get_address_size: return try addressSize(request)
  case XEN_DOMCTL_gettscinfo: return try timeStampMode(request)
  case XEN_DOMCTL_settscinfo: return try setTimeStampMode(&call, request)
  case XEN_DOMCTL_set_virq_handler: return try setVIRQHandler(request)
  case XEN_DOMCTL_sendtrigger: return try sendTrigger(request)
  case XEN_DOMCTL_hypercall_init: return try initialiseHypercallPage(request)
  // vCPUs' states.
  case XEN_DOMCTL_getvcpuinfo: return try vcpuInformation(request)
  case XEN_DOMCTL_setvcpucontext: return try setVCPUContext(&call, request)
  case XEN_DOMCTL_getvcpucontext: return try vcpuContext(&call, request)
  case XEN_DOMCTL_set_ext_vcpucontext: return try setExtendedContext(&call, request)
  case XEN_DOMCTL_get_ext_vcpucontext: return try extendedContext(&call, request)
  case XEN_DOMCTL_setvcpuextstate: return try setExtendedState(&call, request)
  case XEN_DOMCTL_getvcpuextstate: return try extendedState(&call, request)
  case XEN_DOMCTL_get_vcpu_msrs: return try vcpuMSRs(&call, request)
  case XEN_DOMCTL_set_vcpu_msrs: return try setVCPUMSRs(&call, request)
  case XEN_DOMCTL_get_cpu_policy: return try processorPolicy(&call, request)
  case XEN_DOMCTL_set_cpu_policy: return try setProcessorPolicy(&call, request)
  // Memory and devices.
  case XEN_DOMCTL_max_mem: return try setMaximumMemory(request)
  case XEN_DOMCTL_getpageframeinfo3: return try pageFrameInformation(&call, request)
  case XEN_DOMCTL_shadow_op: return try shadowOperation(&call, request)
  case XEN_DOMCTL_iomem_permission: return try setDeviceMemoryPermission(&call, request)
  case XEN_DOMCTL_ioport_permission: return try setPortPermission(&call, request)
  case XEN_DOMCTL_irq_permission: return try setInterruptPermission(&call, request)
  case XEN_DOMCTL_setvnumainfo: return try setVirtualNUMA(&call, request)
  case XEN_DOMCTL_get_paging_mempool_size, XEN_DOMCTL_set_paging_mempool_size: throw .notSupported
  // Scheduling.
  case XEN_DOMCTL_setvcpuaffinity: return try setVCPUAffinity(&call, request)
  case XEN_DOMCTL_getvcpuaffinity: return try vcpuAffinity(request)
  case XEN_DOMCTL_setnodeaffinity: return try setNodeAffinity(&call, request)
  case XEN_DOMCTL_getnodeaffinity: return try nodeAffinity(request)
  case XEN_DOMCTL_scheduler_op: return try domainSchedulerOp(&call, request)
  // For domains that hardware virtualizes, which there are none of.
  case XEN_DOMCTL_gethvmcontext, XEN_DOMCTL_sethvmcontext, XEN_DOMCTL_gethvmcontext_partial: throw .invalid
  case XEN_DOMCTL_subscribe, XEN_DOMCTL_set_target, XEN_DOMCTL_soft_reset: throw .invalid
  // As on a processor without them: cache monitoring and allocation.
  case XEN_DOMCTL_psr_cmt_op, XEN_DOMCTL_psr_alloc: throw .noDevice
  // Not built in: device assignment through an IOMMU, memory events and sharing, tracing, cache allocation, debugging.
  case XEN_DOMCTL_assign_device, XEN_DOMCTL_deassign_device, XEN_DOMCTL_bind_pt_irq, XEN_DOMCTL_unbind_pt_irq,
    XEN_DOMCTL_memory_mapping, XEN_DOMCTL_ioport_mapping, XEN_DOMCTL_debug_op, XEN_DOMCTL_vm_event_op,
    XEN_DOMCTL_mem_sharing_op, XEN_DOMCTL_set_access_required, XEN_DOMCTL_audit_p2m, XEN_DOMCTL_set_broken_page_p2m,
    XEN_DOMCTL_cacheflush, XEN_DOMCTL_monitor_op, XEN_DOMCTL_vuart_op,
    XEN_DOMCTL_vmtrace_op:
    throw .notSupported
  default: throw .notImplemented
  }
}
