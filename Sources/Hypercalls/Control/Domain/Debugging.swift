// SPDX-License-Identifier: Apache-2.0
// What a debugger in Domain 0 (gdbsx) does with a domain: reads and writes memory by the guest's own addresses, stops single vCPUs,
// and asks which of them has met with a breakpoint.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

/// XEN_DOMCTL_setdebugging: whether a debugger hears of the breakpoints and single steps of the domain's kernel.
///
/// - Throws: `fault`; `invalid` for oneself.
func setDebugging(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let enable = try GuestMemory.fetch(request.body, initial: UInt8(0))
  guard request.domain != call.domain else { throw .invalid }
  request.domain[].isDebugged.store(enable != 0 ? 1 : 0)
  return .success
}

/// XEN_DOMCTL_gdbsx_guestmemio: copies between the caller's memory and the domain's, by the page tables of its vCPU 0's kernel,
/// a piece of a page at a time: what is left stands in the caller's structure, so that it can be preempted. `remain` says how many
/// bytes were not copied. (`pgd3val` is for 32-bit guests, which there are none of.)
///
/// - Throws: `fault` for an address on either side that cannot be reached, `remain` says how far it came; `invalid` for oneself;
///   `noSuchDomain` without a vCPU 0.
func debuggerMemory(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  var wanted = try GuestMemory.fetch(request.body, initial: martlet_gdbsx_memio())
  guard request.domain != call.domain else { throw .invalid }
  let vcpu = try request.vcpu(0)
  while wanted.len > 0 {
    let count = min(Int(wanted.len), 4096 &- Int(wanted.gva & 4095))
    let done = copy(wanted, count, vcpu)
    wanted.gva &+= UInt64(done)
    wanted.uva &+= UInt64(done)
    wanted.len &-= UInt32(done)
    wanted.remain = wanted.len
    if done < count {
      try GuestMemory.put(request.body, wanted)
      throw .fault
    }
    Stretch.spend(Stretch.frame)
    if wanted.len > 0 && Stretch.isOver {
      try GuestMemory.put(request.body, wanted)
      return .again
    }
  }
  wanted.remain = 0
  try GuestMemory.put(request.body, wanted)
  return .success
}

/// Copies within one page; gives how many bytes. Only frames of the domain's own can be reached, and of them only those written
/// that the guest itself might write: page tables and descriptors are not.
private func copy(_ wanted: martlet_gdbsx_memio, _ count: Int, _ vcpu: Ref<VCPU>) -> Int {
  let (domain, owner) = (vcpu[].domain, vcpu[].domain[].id)
  let linear = LinearAddress(wanted.gva)
  guard linear.isCanonical, !linear.isHypervisor else { return 0 }
  let isWrite = wanted.gwr != 0
  // Under the lock tables stay tables; the reference keeps the frame the domain's after it.
  let found: MachineFrame? = domain[].pageTables.withLock { _ in
    guard let entry = GuestTables.level1Entry(vcpu, linear)?.value, entry & PTE.present != 0 else { return nil }
    let frame = MachineFrame(physical: entry & PTE.frameMask)
    let isTaken = isWrite ? ledger[].takeWritable(frame, owner: owner) : ledger[].take(frame, owner: owner)
    return isTaken ? frame : nil
  }
  guard let frame = found else { return 0 }
  let offset = Int(wanted.gva & 4095)
  if isWrite {
    defer { ledger[].dropWritable(frame) }
    return GuestMemory.read(LinearAddress(wanted.uva), frame: frame, offset: offset, count: count)
  }
  defer { ledger[].drop(frame) }
  return GuestMemory.write(LinearAddress(wanted.uva), frame: frame, offset: offset, count: count)
}

/// XEN_DOMCTL_gdbsx_pausevcpu: keeps one vCPU from running. When it returns the vCPU does not run.
///
/// - Throws: `fault`; `invalid` for oneself, and for a vCPU that the debugger has stopped already; `noSuchDomain`; `restart` if its
///   CPU has not put its state away in time: it is not stopped then.
func debuggerPause(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let vcpu = try request.vcpu(try GuestMemory.fetch(request.body, initial: UInt32(0)))
  guard request.domain != call.domain, vcpu[].holds.fetchOr(VCPUHold.debugger) & VCPUHold.debugger == 0 else {
    throw .invalid
  }
  Scheduler.settle(vcpu)
  if Quiescence.settle(vcpu) { return .success }
  // Whoever asks again finds it as it was.
  vcpu[].holds.fetchAnd(~VCPUHold.debugger)
  Scheduler.settle(vcpu)
  throw .restart
}

/// XEN_DOMCTL_gdbsx_unpausevcpu: lets it run again, as far as the debugger is concerned.
///
/// - Throws: `fault`; `invalid` for oneself, and for a vCPU that the debugger has not stopped; `noSuchDomain`.
func debuggerUnpause(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let vcpu = try request.vcpu(try GuestMemory.fetch(request.body, initial: UInt32(0)))
  guard request.domain != call.domain, vcpu[].holds.fetchAnd(~VCPUHold.debugger) & VCPUHold.debugger != 0 else {
    throw .invalid
  }
  Scheduler.settle(vcpu)
  return .success
}

/// XEN_DOMCTL_gdbsx_domstatus: whether the domain is paused; if so, one vCPU that has met with a breakpoint or single step, and the
/// vector. That has been told then. All ones for no vCPU.
///
/// - Throws: `fault`.
func debuggerStatus(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  var told = martlet_gdbsx_domstatus()
  told.vcpu_id = UInt32.max
  if request.domain[].pauseCount.load() > 0 {
    told.paused = 1
    if let event = request.domain.takeDebugEvent() {
      told.vcpu_id = event.vcpu.raw
      told.vcpu_ev = event.vector
    }
  }
  try GuestMemory.put(request.body, told)
  return .success
}
