// SPDX-License-Identifier: Apache-2.0
// All domains at once.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_SYSCTL_getdomaininfolist: the domains from a number on, as many as there is room for.
///
/// An interrupted call goes on where it was: how many are done stands in the second argument, which the call does not have,
/// under a mark that nothing else leaves there.
///
/// - Throws: `fault`.
func domainList(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var request = try GuestMemory.fetch(at, initial: martlet_getdomaininfolist())
  let mark: UInt64 = 0x6d61_7274 &<< 32
  var done: UInt32 = 0
  var next = request.first_domain
  if call.arguments[1] &>> 32 == mark &>> 32 {
    next = UInt16(truncatingIfNeeded: call.arguments[1])
    done = UInt32(call.arguments[1] &>> 16 & 0xffff)
  }
  while done < request.max_domains, let domain = nextDomain(from: next) {
    if Stretch.isOver {
      call.arguments[1] = mark | UInt64(done) &<< 16 | UInt64(next)
      return .again
    }
    let place = LinearAddress(request.buffer) + UInt64(done) &* UInt64(SIZE_getdomaininfo)
    try putInformation(domain, place)
    done &+= 1
    Stretch.spend(8)
    next = domain[].id.raw &+ 1
  }
  request.num_domains = done
  try GuestMemory.put(at, request)
  return .success
}
