// SPDX-License-Identifier: Apache-2.0
// CPU features and policies of the machine.
import CXenABI
import Domains
import Instructions
import Machine
import XenABI

/// XEN_SYSCTL_get_cpu_levelling_caps: which of CPUID's answers can be changed under a guest's feet. None: a guest that
/// executes CPUID bare gets the processor's own.
///
/// - Throws: `fault`.
func levellingCapabilities(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  try GuestMemory.put(at, xen_sysctl_cpu_levelling_caps(caps: 0))
  return .success
}

/// XEN_SYSCTL_get_cpu_featureset: one of the feature sets, or without a place for it how many words it has.
///
/// - Throws: `fault`; `notSupported` for those of HVM guests; `invalid` for one that does not exist; `noBuffers`, with the words
///   that there is room for, if it is too little.
func featureSet(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var request = try GuestMemory.fetch(at, initial: martlet_cpu_featureset())
  let count = FeatureSetLayout.count
  let room = request.nr_features
  if request.features == 0 {
    request.nr_features = count
    try GuestMemory.put(at, request)
    return .success
  }
  let policy: SystemPolicy
  switch Int32(bitPattern: request.index) {
  case XEN_SYSCTL_cpu_featureset_raw: policy = .raw
  case XEN_SYSCTL_cpu_featureset_host: policy = .host
  case XEN_SYSCTL_cpu_featureset_pv: policy = .ordinary
  case XEN_SYSCTL_cpu_featureset_pv_max: policy = .widest
  case XEN_SYSCTL_cpu_featureset_hvm, XEN_SYSCTL_cpu_featureset_hvm_max: throw .notSupported
  default: throw .invalid
  }
  for index in 0..<min(room, count) {
    try GuestMemory.put(LinearAddress(request.features) + UInt64(index) &* 4, policy.feature(index))
  }
  request.nr_features = min(room, count)
  try GuestMemory.put(at, request)
  guard room >= count else { throw .noBuffers }
  return .success
}

/// XEN_SYSCTL_get_cpu_policy: one of the machine's policies as lists of leaves and of MSRs. Without a place for a list its
/// greatest length.
///
/// - Throws: `fault`; `notSupported` for those of HVM guests; `invalid` for one that does not exist; `noBuffers` if there is
///   too little room.
func systemProcessorPolicy(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var request = try GuestMemory.fetch(at, initial: martlet_system_cpu_policy())
  guard request._rsvd == 0 else { throw .invalid }
  let policy: SystemPolicy
  switch Int32(bitPattern: request.index) {
  case XEN_SYSCTL_cpu_policy_raw: policy = .raw
  case XEN_SYSCTL_cpu_policy_host: policy = .host
  case XEN_SYSCTL_cpu_policy_pv_max: policy = .widest
  case XEN_SYSCTL_cpu_policy_pv_default: policy = .ordinary
  case XEN_SYSCTL_cpu_policy_hvm_max, XEN_SYSCTL_cpu_policy_hvm_default: throw .notSupported
  default: throw .invalid
  }
  request.nr_leaves = try PolicyLists.putLeaves(request.leaves, room: request.nr_leaves) { visit in
    policy.withAnswers { PolicyLeaves.visit($0, visit) }
  }
  request.nr_msrs = try PolicyLists.putMSRs(request.msrs, room: request.nr_msrs, capabilities: policy.capabilities)
  try GuestMemory.put(at, request)
  return .success
}
