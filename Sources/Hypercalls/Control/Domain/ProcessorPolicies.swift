// SPDX-License-Identifier: Apache-2.0
// What CPUID tells a domain, as the toolstack reads and sets it.
import CXenABI
import Domains
import Instructions
import Machine
import XenABI

/// XEN_DOMCTL_get_cpu_policy: the domain's policy as lists of leaves and of MSRs; without a place for a list its greatest length.
///
/// - Throws: `fault`; `noBuffers` if there is too little room.
func processorPolicy(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  var body = try GuestMemory.fetch(request.body, initial: martlet_domain_cpu_policy())
  let policy = request.domain[].processor
  body.nr_leaves = try PolicyLists.putLeaves(body.leaves, room: body.nr_leaves) { visit in
    PolicyLeaves.visit({ policy.leaf($0, $1, host: Processor.host) }, visit)
  }
  body.nr_msrs = try PolicyLists.putMSRs(
    body.msrs, room: body.nr_msrs, capabilities: request.domain.capabilities)
  try GuestMemory.put(request.body, body)
  return .success
}

/// XEN_DOMCTL_set_cpu_policy: changes the entries given, on a domain that has not begun to run. Features beyond what the domain
/// may have are left out silently (N1), as tools rely on; more leaves than there are, or leaves and MSRs that policies do not
/// have, are refused, and the caller told which.
///
/// - Throws: `fault`; `invalid` for the caller's own domain, or more than the domain may have; `tooBig` for lists longer than
///   any; `outOfRange` for entries that do not exist; `exists` for a domain that has begun to run.
func setProcessorPolicy(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  guard request.domain != call.domain else { throw .invalid }
  var body = try GuestMemory.fetch(request.body, initial: martlet_domain_cpu_policy())
  guard body.nr_leaves <= PolicyLeaves.maximum, body.nr_msrs <= PolicyLists.msrCount else { throw .tooBig }
  var wish = CPUIDWish(request.domain[].processor, host: Processor.host)

  /// Tells the caller which entry it is.
  func refuse(_ error: XenError, leaf: UInt32 = ~0, subleaf: UInt32 = ~0, msr: UInt32 = ~0) throws(XenError) -> Never {
    (body.err_leaf, body.err_subleaf, body.err_msr) = (leaf, subleaf, msr)
    try GuestMemory.put(request.body, body)
    throw error
  }
  for index in 0..<body.nr_leaves {
    let place = LinearAddress(body.leaves) + UInt64(index) &* UInt64(MemoryLayout<xen_cpuid_leaf>.size)
    let entry = try GuestMemory.fetch(place, initial: xen_cpuid_leaf())
    let answer = CPUIDRegisters(eax: entry.a, ebx: entry.b, ecx: entry.c, edx: entry.d)
    guard wish.take(PolicyLeaf(leaf: entry.leaf, subleaf: entry.subleaf, answer: answer)) else {
      try refuse(.outOfRange, leaf: entry.leaf, subleaf: entry.subleaf)
    }
  }
  for index in 0..<body.nr_msrs {
    let place = LinearAddress(body.msrs) + UInt64(index) &* UInt64(MemoryLayout<xen_msr_entry>.size)
    let entry = try GuestMemory.fetch(place, initial: xen_msr_entry())
    guard entry.flags == 0 else { try refuse(.invalid, msr: entry.idx) }
    switch entry.idx {
    case PolicyLists.platformInformation: guard entry.val == 0 else { try refuse(.invalid, msr: entry.idx) }
    case MSRNumber.architecturalCapabilities: wish.capabilities = entry.val
    default: try refuse(.outOfRange, msr: entry.idx)
    }
  }
  if let excess = wish.excess(over: request.domain.widestPolicy) {
    try refuse(.invalid, leaf: excess.leaf, subleaf: excess.subleaf)
  }
  try request.domain.setPolicy(wish)
  return .success
}
