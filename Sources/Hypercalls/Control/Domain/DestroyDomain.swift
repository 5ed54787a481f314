// SPDX-License-Identifier: Apache-2.0
// The end of a domain at the toolstack's word.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_destroydomain: ends a domain, or goes on with it. When it returns, all that the domain had is given up; what
/// others still use of its memory, and its number with that, goes when they let go (Domains/Domain/Destruction).
///
/// - Throws: `invalid` for oneself and for Domain 0.
func destroyDomain(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  guard request.domain != call.domain, request.domain[].id.raw != 0 else { throw .invalid }
  return request.domain.destroy() ? .success : .again
}
