// SPDX-License-Identifier: Apache-2.0
// What a vCPU's context has grown by: further entry points, extended registers, model-specific registers. The toolstack saves
// them behind `vcpu_guest_context`, and sets them in that order in a domain that is still paused.
import CXenABI
import Domains
import Machine
import XenABI

/// The vCPU that a number in the arguments means, of another domain than the caller's.
///
/// - Throws: `invalid` for the caller's own domain or a number that is too large; `noSuchDomain` for a vCPU that does not exist.
private func vcpu(_ number: UInt32, _ call: borrowing Hypercall, _ request: DomainRequest) throws(XenError) -> Ref<VCPU>
{
  guard request.domain != call.domain else { throw .invalid }
  return try request.vcpu(number)
}

/// The same for a change.
///
/// - Throws: as above; `busy` while the domain is not paused.
private func pausedVCPU(
  _ number: UInt32, _ call: borrowing Hypercall, _ request: DomainRequest
) throws(XenError) -> Ref<VCPU> {
  let found = try vcpu(number, call, request)
  guard request.domain[].pauseCount.load() > 0 else { throw .busy }
  return found
}

/// XEN_DOMCTL_set_ext_vcpucontext: entry points of SYSCALL from 32-bit code and of SYSENTER. Their segments are the flat one,
/// whatever is given. What follows in the structure is about machine checks, which guests have no banks for: it is not read.
///
/// - Throws: `fault`; `invalid` for oneself, a short structure, or addresses that are not canonical; `noSuchDomain` for a vCPU
///   that does not exist; `busy` while the domain is not paused.
func setExtendedContext(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wanted = try GuestMemory.fetch(request.body, initial: martlet_ext_vcpucontext())
  let vcpu = try pausedVCPU(wanted.vcpu, call, request)
  guard wanted.size >= UInt32(OFFSET_ext_vcpucontext_mcg_cap),
    LinearAddress(wanted.syscall32_callback_eip).isCanonical, LinearAddress(wanted.sysenter_callback_eip).isCanonical
  else { throw .invalid }
  let done: Bool? = try vcpu.inspected { () throws(XenError) in
    vcpu[].callbacks.syscall32 = wanted.syscall32_callback_eip
    vcpu[].callbacks.syscall32MasksEvents = wanted.syscall32_disables_events != 0
    vcpu[].callbacks.sysenter = wanted.sysenter_callback_eip
    vcpu[].callbacks.sysenterMasksEvents = wanted.sysenter_disables_events != 0
    return true
  }
  return done == nil ? .again : .success
}

/// XEN_DOMCTL_get_ext_vcpucontext: those entry points.
///
/// - Throws: `fault`; `invalid` for oneself; `noSuchDomain` for a vCPU that does not exist.
func extendedContext(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  var told = try GuestMemory.fetch(request.body, initial: martlet_ext_vcpucontext())
  let vcpu = try vcpu(told.vcpu, call, request)
  let callbacks: GuestCallbacks? = try vcpu.inspected { () throws(XenError) in vcpu[].callbacks }
  guard let callbacks else { return .again }
  told.size = UInt32(MemoryLayout<martlet_ext_vcpucontext>.size)
  told.syscall32_callback_eip = callbacks.syscall32
  told.syscall32_callback_cs = GuestSelectors.code64
  told.syscall32_disables_events = callbacks.syscall32MasksEvents ? 1 : 0
  told.sysenter_callback_eip = callbacks.sysenter
  told.sysenter_callback_cs = GuestSelectors.code64
  told.sysenter_disables_events = callbacks.sysenterMasksEvents ? 1 : 0
  told.mcg_cap = 0
  told.vmce = (0, 0, 0)
  try GuestMemory.put(request.body, told)
  return .success
}

/// XEN_DOMCTL_setvcpuextstate: XCR0, the states that the vCPU has ever enabled, and the XSAVE area (`ExtendedStateImage`).
///
/// - Throws: `fault`; `invalid` for oneself, or an image that the vCPU cannot have; `noSuchDomain` for a vCPU that does not
///   exist; `busy` while the domain is not paused.
func setExtendedState(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wanted = try GuestMemory.fetch(request.body, initial: martlet_vcpuextstate())
  let vcpu = try pausedVCPU(wanted.vcpu, call, request)
  let done: Bool? = try vcpu.inspected { () throws(XenError) in
    try ExtendedStateImage.load(vcpu, from: LinearAddress(wanted.buffer), size: wanted.size)
    return true
  }
  return done == nil ? .again : .success
}

/// XEN_DOMCTL_getvcpuextstate: the same image; without a place for it its size, and which states it has.
///
/// - Throws: `fault`; `invalid` for oneself, or another size or other states than those told; `noSuchDomain` for a vCPU that
///   does not exist.
func extendedState(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  var told = try GuestMemory.fetch(request.body, initial: martlet_vcpuextstate())
  let vcpu = try vcpu(told.vcpu, call, request)
  let states = request.domain[].processor.extendedStateMask
  let size = ExtendedStateImage.size(states)
  if told.buffer != 0 {
    guard told.size == size, told.xfeature_mask == states else { throw .invalid }
    let done: Bool? = try vcpu.inspected { () throws(XenError) in
      try ExtendedStateImage.store(vcpu, to: LinearAddress(told.buffer))
      return true
    }
    if done == nil { return .again }
  }
  told.size = size
  told.xfeature_mask = states
  try GuestMemory.put(request.body, told)
  return .success
}

/// XEN_DOMCTL_get_vcpu_msrs: registers that a guest has changed, of those that it keeps over a move: TSC_AUX. Without a place
/// for them how many there can be.
///
/// - Throws: `fault`; `invalid` for oneself; `noSuchDomain` for a vCPU that does not exist; `noBuffers` if there is too little
///   room.
func vcpuMSRs(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  var told = try GuestMemory.fetch(request.body, initial: martlet_vcpu_msrs())
  let vcpu = try vcpu(told.vcpu, call, request)
  if told.msrs == 0 {
    told.msr_count = 1
    try GuestMemory.put(request.body, told)
    return .success
  }
  let auxiliary: UInt64? = try vcpu.inspected { () throws(XenError) in vcpu[].tscAux }
  guard let auxiliary else { return .again }
  let room = told.msr_count
  told.msr_count = auxiliary != 0 ? 1 : 0
  if told.msr_count > room {
    try GuestMemory.put(request.body, told)
    throw .noBuffers
  }
  if auxiliary != 0 {
    try GuestMemory.put(
      LinearAddress(told.msrs),
      xen_domctl_vcpu_msr(index: VCPURegisters.timeStampAuxiliary, reserved: 0, value: auxiliary))
  }
  try GuestMemory.put(request.body, told)
  return .success
}

/// XEN_DOMCTL_set_vcpu_msrs: sets such registers. Those that other hypervisors keep and we do not may be zero.
///
/// - Throws: `fault`; `invalid` for oneself, or for an entry that the vCPU cannot have, whose index the caller is told;
///   `noSuchDomain` for a vCPU that does not exist; `busy` while the domain is not paused.
func setVCPUMSRs(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  var wanted = try GuestMemory.fetch(request.body, initial: martlet_vcpu_msrs())
  let vcpu = try pausedVCPU(wanted.vcpu, call, request)
  let count = wanted.msr_count
  guard count <= VCPURegisters.limit else {
    wanted.msr_count = VCPURegisters.limit
    try GuestMemory.put(request.body, wanted)
    throw .invalid
  }
  var auxiliary: UInt64?
  for index in 0..<count {
    let place = LinearAddress(wanted.msrs) + UInt64(index) &* UInt64(MemoryLayout<xen_domctl_vcpu_msr>.size)
    let entry = try GuestMemory.fetch(place, initial: xen_domctl_vcpu_msr())
    if entry.reserved == 0, entry.index == VCPURegisters.timeStampAuxiliary, entry.value &>> 32 == 0 {
      auxiliary = entry.value
    } else if entry.reserved != 0 || entry.value != 0 || !VCPURegisters.mayBeZero(entry.index) {
      wanted.msr_count = index
      try GuestMemory.put(request.body, wanted)
      throw .invalid
    }
  }
  guard let auxiliary else { return .success }
  let done: Bool? = try vcpu.inspected { () throws(XenError) in
    vcpu[].tscAux = auxiliary
    return true
  }
  return done == nil ? .again : .success
}

/// The registers of XEN_DOMCTL_get_vcpu_msrs.
private enum VCPURegisters {
  static var timeStampAuxiliary: UInt32 { 0xc000_0103 }
  /// The most entries that a list can sensibly have.
  static var limit: UInt32 { 16 }

  /// SPEC_CTRL, MISC_FEATURES_ENABLES, AMD's address masks of breakpoints.
  static func mayBeZero(_ index: UInt32) -> Bool {
    switch index {
    case 0x48, 0x140, 0xc001_1019...0xc001_101b, 0xc001_1027: true
    default: false
    }
  }
}
