// SPDX-License-Identifier: Apache-2.0
// What the toolstack tells a domain to be: its name, its clock, its hypercall page.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

/// XEN_DOMCTL_setdomainhandle: the domain's UUID, which only tools read.
///
/// - Throws: `fault`.
func setHandle(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  request.domain[].handle = try GuestMemory.fetch(request.body, initial: InlineArray<2, UInt64>(repeating: 0))
  return .success
}

/// XEN_DOMCTL_settimeoffset: what the domain's wall clock is ahead of the machine's, in seconds.
///
/// - Throws: `fault`.
func setTimeOffset(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  request.domain[].timeOffset.store(try GuestMemory.fetch(request.body, initial: UInt64(0)))
  WallClock.publish(request.domain)
  return .success
}

/// XEN_DOMCTL_set_address_size: 64-bit domains are all there are.
///
/// - Throws: `fault`; `notSupported` for 32 bits; `invalid` for another size.
func setAddressSize(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  switch try GuestMemory.fetch(request.body, initial: UInt32(0)) {
  case 64: return .success
  case 32: throw .notSupported
  default: throw .invalid
  }
}

/// XEN_DOMCTL_get_address_size.
///
/// - Throws: `fault`.
func addressSize(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  try GuestMemory.put(request.body, UInt32(64))
  return .success
}

/// XEN_DOMCTL_gettscinfo: the domain reads the machine's own counter (TSC_MODE_DEFAULT).
///
/// - Throws: `fault`.
func timeStampMode(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  var record = xen_domctl_tsc_info()
  record.gtsc_khz = UInt32(truncatingIfNeeded: Ref<Hypervisor>.shared[].clock.hertz / 1000)
  try GuestMemory.put(request.body, record)
  return .success
}

/// XEN_DOMCTL_settscinfo: the machine's own counter, at its own rate, is what every domain reads.
///
/// - Throws: `fault`; `invalid` for oneself, and for a mode that does not exist; `notSupported` for an emulated counter
///   (TSC_MODE_ALWAYS_EMULATE).
func setTimeStampMode(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let mode = try GuestMemory.fetch(request.body, initial: UInt32(0))
  guard request.domain != call.domain else { throw .invalid }
  switch mode {
  // TSC_MODE_DEFAULT, TSC_MODE_NEVER_EMULATE: the counter runs at one rate on all CPUs, so there is no need to emulate.
  case 0, 2: return .success
  case 1: throw .notSupported
  default: throw .invalid
  }
}

/// XEN_DOMCTL_set_virq_handler: the domain takes a virtual interrupt of the machine's in Domain 0's place.
///
/// - Throws: `fault`; `invalid` for one that does not exist or belongs to each vCPU or domain.
func setVIRQHandler(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let virq = try GuestMemory.fetch(request.body, initial: UInt32(0))
  switch virq {
  case VirtualInterrupt.console, VirtualInterrupt.domainException, VirtualInterrupt.traceBuffer,
    VirtualInterrupt.debugger, VirtualInterrupt.consoleRing, VirtualInterrupt.cpuState,
    VirtualInterrupt.outOfMemory:
    MachineInterrupts.setHandler(of: virq, request.domain)
    return .success
  default: throw .invalid
  }
}

/// XEN_DOMCTL_hypercall_init: fills one of the domain's pages with the hypercall stubs.
///
/// - Throws: `fault`; `accessDenied` if the frame is not the domain's, or cannot be written.
func initialiseHypercallPage(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let frame = MachineFrame(try GuestMemory.fetch(request.body, initial: UInt64(0)))
  guard ledger[].takeWritable(frame, owner: request.domain[].id) else { throw .accessDenied }
  HypercallPage.fill(frame)
  ledger[].dropWritable(frame)
  return .success
}
