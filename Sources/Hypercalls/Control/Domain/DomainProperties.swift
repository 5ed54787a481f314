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

/// XEN_DOMCTL_gettscinfo: how the domain reads the time-stamp counter, and how far it has counted (`struct xen_domctl_tsc_info`).
///
/// - Throws: `fault`.
func timeStampMode(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let counter = request.domain[].counter
  let clock = Ref<Hypervisor>.shared[].clock
  var record = xen_domctl_tsc_info()
  record.tsc_mode = counter.mode.rawValue
  record.gtsc_khz = counter.isEmulated ? counter.kilohertz : Timekeeping.kilohertz
  record.incarnation = counter.incarnation
  record.elapsed_nsec = counter.elapsed(at: Hypervisor.now, machine: SystemClock.counter, hertz: clock.hertz)
  try GuestMemory.put(request.body, record)
  return .success
}

/// XEN_DOMCTL_settscinfo: how the domain is to read the counter from now on: at its start, and where it is restored or has been moved to.
///
/// - Throws: `fault`; `invalid` for oneself, for a mode that does not exist (TSC_MODE_PVRDTSCP does not any more), and for a rate that no
///   counter has; `tooBig` if it is paused too often; `restart` while a CPU has not put its state away.
func setTimeStampMode(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wish = try GuestMemory.fetch(request.body, initial: xen_domctl_tsc_info())
  guard request.domain != call.domain, let mode = VirtualCounter.Mode(rawValue: wish.tsc_mode),
    let counter = VirtualCounter(
      mode: mode, kilohertz: wish.gtsc_khz, incarnation: wish.incarnation, elapsed: wish.elapsed_nsec,
      machine: Timekeeping.kilohertz, isStable: Timekeeping.isStable, now: Hypervisor.now)
  else { throw .invalid }
  // Each vCPU finds the change when it is entered.
  try request.domain.pause()
  request.domain.setCounter(counter)
  _ = request.domain.unpause()
  return .success
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
