// SPDX-License-Identifier: Apache-2.0
// Power states, CPUs and pages that come and go. The hypervisor changes no frequency, idles by HLT, and keeps all processors
// and pages that it found at boot; this is how it says so.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

/// What is asked of which processor; the two operations on power begin alike.
///
/// - Throws: `fault`; `invalid` if the processor is not in use.
private func powerRequest(_ at: LinearAddress) throws(XenError) -> martlet_power_request {
  let request = try GuestMemory.fetch(at, initial: martlet_power_request())
  guard UInt64(request.cpuid) < UInt64(CPUs.started), CPUs.isOnline(Int(request.cpuid)) else { throw .invalid }
  return request
}

/// XEN_SYSCTL_get_pmstat: no driver counts frequencies or idle states.
///
/// - Throws: always: `fault`; `invalid` for a processor that is not in use or a category that does not exist; `noDevice`.
func powerStatistics(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  let request = try powerRequest(at)
  switch Int32(bitPattern: request.type) & PMSTAT_CATEGORY_MASK {
  case PMSTAT_PX, PMSTAT_CX: throw .noDevice
  default: throw .invalid
  }
}

/// XEN_SYSCTL_pm_op: no driver of frequencies; no limit on idle states, of which there is one.
///
/// - Throws: `fault`; `noDevice` for frequencies and turbo mode; `invalid` for a processor that is not in use; `notSupported`
///   for a limit on idle states or the scheduler's SMT option; `notImplemented` for what does not exist.
func powerOperation(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  // In the last four the field that names a processor elsewhere tells states from substates.
  let command = try GuestMemory.fetch(at, initial: UInt32(0))
  let value = at + UInt64(OFFSET_pm_op_value)
  switch Int32(bitPattern: command) {
  case XEN_SYSCTL_pm_op_get_max_cstate:
    guard try GuestMemory.fetch(at + 4, initial: UInt32(0)) <= 1 else { throw .invalid }
    try GuestMemory.put(value, UInt32(XEN_SYSCTL_CX_UNLIMITED))
    return .success
  case XEN_SYSCTL_pm_op_set_max_cstate:
    guard try GuestMemory.fetch(at + 4, initial: UInt32(0)) <= 1 else { throw .invalid }
    guard try GuestMemory.fetch(value, initial: UInt32(0)) == UInt32(XEN_SYSCTL_CX_UNLIMITED) else {
      throw .notSupported
    }
    return .success
  case XEN_SYSCTL_pm_op_set_sched_opt_smt: throw .notSupported
  case GET_CPUFREQ_PARA, SET_CPUFREQ_GOV, SET_CPUFREQ_PARA, GET_CPUFREQ_AVGFREQ, XEN_SYSCTL_pm_op_enable_turbo,
    XEN_SYSCTL_pm_op_disable_turbo:
    _ = try powerRequest(at)
    throw .noDevice
  default: throw .notImplemented
  }
}

/// XEN_SYSCTL_cpu_hotplug: processors stay in use.
///
/// - Throws: always: `fault`; `invalid` if there is no such processor, and for taking the first one away; `exists` for
///   bringing up one that is in use; `notSupported`.
func hotplugProcessor(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  let request = try GuestMemory.fetch(at, initial: xen_sysctl_cpu_hotplug())
  let exists = UInt64(request.cpu) < UInt64(CPUs.started)
  switch Int32(bitPattern: request.op) {
  case XEN_SYSCTL_CPU_HOTPLUG_ONLINE:
    guard exists else { throw .invalid }
    if CPUs.isOnline(Int(request.cpu)) { throw .exists }
    throw .notSupported
  case XEN_SYSCTL_CPU_HOTPLUG_OFFLINE:
    guard exists, request.cpu != 0 else { throw .invalid }
    throw .notSupported
  default: throw .notSupported
  }
}

/// XEN_SYSCTL_page_offline_op: whether pages are in use as memory; they cannot be taken out of use.
///
/// - Throws: `fault`; `invalid` for a range that is none, or ends beyond memory; `notSupported` for taking pages out of use or
///   back; `notImplemented` for what does not exist.
func pageOffline(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var request = try GuestMemory.fetch(at, initial: martlet_page_offline_op())
  guard request.end >= request.start, UInt64(request.end) < ledger[].frameCount else { throw .invalid }
  switch Int32(bitPattern: request.cmd) {
  case sysctl_query_page_offline: break
  case sysctl_page_offline, sysctl_page_online: throw .notSupported
  default: throw .notImplemented
  }
  while true {
    let isMemory = MachineMemory.isRAM(MachineFrame(UInt64(request.start)))
    // PG_OFFLINE_STATUS_ONLINE, PG_OFFLINE_INVALID.
    try GuestMemory.put(LinearAddress(request.status), isMemory ? UInt32(4) : UInt32(1))
    if request.start == request.end { return .success }
    request.start &+= 1
    request.status &+= 4
    Stretch.spend()
    if Stretch.isOver {
      // The list shrinks in the caller's memory.
      try GuestMemory.put(at, request)
      return .again
    }
  }
}
