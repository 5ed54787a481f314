// SPDX-License-Identifier: Apache-2.0
// A domain's memory, as the toolstack limits and inspects it.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

/// XEN_DOMCTL_max_mem: the most memory that the domain may own, in KiB. It may be less than it owns already: then it can only
/// give back.
///
/// - Throws: `fault`.
func setMaximumMemory(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let limit = try GuestMemory.fetch(request.body, initial: xen_domctl_max_mem())
  ledger[].accounts.setLimit(request.domain[].id, limit.max_memkb &>> 2)
  return .success
}

/// XEN_DOMCTL_getpageframeinfo3: puts in the place of each frame number of a list what the frame is used as
/// (XEN_DOMCTL_PFINFO_*): a page table of a level, pinned or not; nothing of that kind; or no frame of the domain's.
///
/// - Throws: `fault`; `tooBig` for more than 1024 frames, which is as many as libxc asks for at a time and can be told in one
///   go.
func pageFrameInformation(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wire = try GuestMemory.fetch(request.body, initial: martlet_getpageframeinfo())
  guard wire.num <= 1024 else { throw .tooBig }
  for index in 0..<wire.num {
    let entry = LinearAddress(wire.array) + index &* 8
    let frame = MachineFrame(try GuestMemory.fetch(entry, initial: UInt64(0)))
    try GuestMemory.put(entry, UInt64(pageFrameKind(frame, owner: request.domain[].id)))
  }
  return .success
}

private func pageFrameKind(_ frame: MachineFrame, owner: DomainID) -> UInt32 {
  // With a reference it stays the domain's while its type is read.
  guard ledger[].take(frame, owner: owner) else { return 0xf &<< UInt32(XEN_DOMCTL_PFINFO_LTAB_SHIFT) }
  defer { ledger[].drop(frame) }
  let type = ledger[].type(frame)
  // A frame that was a table once and is not used as one is data.
  guard let level = type.type.level, type.count > 0 else { return 0 }
  let kind = UInt32(level) &<< UInt32(XEN_DOMCTL_PFINFO_LTAB_SHIFT)
  return type.isPinned ? kind | 1 &<< 31 : kind
}

/// XEN_DOMCTL_shadow_op: there are no shadow page tables, and so no log of dirty pages, without which a domain cannot be moved
/// while it runs. To turn them off is to leave everything as it is; that is how a domain is saved or moved while it is
/// suspended.
///
/// - Throws: `fault`; `invalid` for an operation that does not exist; `notSupported`.
func shadowOperation(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  // Never oneself: one would have to be stopped for it.
  guard request.domain != call.domain else { throw .invalid }
  let wire = try GuestMemory.fetch(request.body, initial: martlet_shadow_op())
  switch Int32(bitPattern: wire.op) {
  case XEN_DOMCTL_SHADOW_OP_OFF: return .success
  case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
    try GuestMemory.put(request.body + UInt64(OFFSET_shadow_op_mb), UInt32(0))
    return .success
  case XEN_DOMCTL_SHADOW_OP_ENABLE, XEN_DOMCTL_SHADOW_OP_ENABLE_TEST, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY,
    XEN_DOMCTL_SHADOW_OP_CLEAN, XEN_DOMCTL_SHADOW_OP_PEEK, XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION:
    throw .notSupported
  default: throw .invalid
  }
}

/// XEN_DOMCTL_setvnumainfo: virtual NUMA topologies are not offered: there is one node, and a guest that asks for its topology
/// (XENMEM_get_vnumainfo) is told that it has none.
///
/// - Throws: always: `fault`, `invalid` for numbers that make no sense, or `notSupported`.
func setVirtualNUMA(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wire = try GuestMemory.fetch(request.body, initial: martlet_vnuma())
  guard wire.nr_vnodes > 0, wire.nr_vcpus == UInt32(request.domain[].maximumVCPUs), wire.pad == 0 else {
    throw .invalid
  }
  throw .notSupported
}
