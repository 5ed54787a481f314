// SPDX-License-Identifier: Apache-2.0
// Policies in the form of the ABI: lists of `xen_cpuid_leaf_t` and of `xen_msr_entry_t` (arch-x86/xen.h).
import CXenABI
import Domains
import Instructions
import Machine
import XenABI

/// Reading and writing lists of leaves and MSRs.
enum PolicyLists {
  /// How many MSRs a policy has: PLATFORM_INFO and ARCH_CAPABILITIES.
  static var msrCount: UInt32 { 2 }
  /// MSR_INTEL_PLATFORM_INFO.
  static var platformInformation: UInt32 { 0xce }

  /// Writes the leaves that `visit` calls its argument with. Gives how many; at address zero the most there can be.
  ///
  /// - Throws: `fault`; `noBuffers` beyond `room` entries.
  static func putLeaves(_ at: UInt64, room: UInt32, _ visit: ((PolicyLeaf) -> Bool) -> Void) throws(XenError) -> UInt32
  {
    guard at != 0 else { return PolicyLeaves.maximum }
    var count: UInt32 = 0
    var problem: XenError?
    visit { leaf in
      guard count < room else {
        problem = .noBuffers
        return false
      }
      let answer = leaf.answer
      let entry = xen_cpuid_leaf(
        leaf: leaf.leaf, subleaf: leaf.subleaf, a: answer.eax, b: answer.ebx, c: answer.ecx, d: answer.edx)
      let place = LinearAddress(at) + UInt64(count) &* UInt64(MemoryLayout<xen_cpuid_leaf>.size)
      guard (try? GuestMemory.write(place, entry)) != nil else {
        problem = .fault
        return false
      }
      count &+= 1
      return true
    }
    if let problem { throw problem }
    return count
  }

  /// Writes the MSRs of a policy. Gives how many; at address zero the same.
  ///
  /// - Throws: `fault`; `noBuffers` if there is room for fewer.
  static func putMSRs(_ at: UInt64, room: UInt32, capabilities: UInt64) throws(XenError) -> UInt32 {
    guard at != 0 else { return msrCount }
    guard room >= msrCount else { throw .noBuffers }
    // CPUID faulting, the one thing that PLATFORM_INFO could tell, is not offered.
    try GuestMemory.put(LinearAddress(at), xen_msr_entry(idx: platformInformation, flags: 0, val: 0))
    let second = LinearAddress(at) + UInt64(MemoryLayout<xen_msr_entry>.size)
    try GuestMemory.put(second, xen_msr_entry(idx: MSRNumber.architecturalCapabilities, flags: 0, val: capabilities))
    return msrCount
  }
}
