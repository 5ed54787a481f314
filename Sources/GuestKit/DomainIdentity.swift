// SPDX-License-Identifier: Apache-2.0
//
// Which domain this is. A guest is not told; but the status of a port that waits for DOMID_SELF names the domain.

import CGuestKit

private var known: UInt16 = 0
private var isKnown = false

/// The calling domain.
public enum OwnDomain {
  /// Its number (domid_t), found with an event channel that is closed again.
  public static var identifier: UInt16 {
    if isKnown { return known }
    var unbound = evtchn_alloc_unbound(dom: selfDomain, remote_dom: selfDomain, port: 0)
    if Events.operate(EVTCHNOP_alloc_unbound, &unbound) != 0 { Runner.fail("no port to learn the domain's number by") }
    known = UInt16(truncatingIfNeeded: Events.status(unbound.port).detail)
    isKnown = true
    _ = Events.close(unbound.port)
    return known
  }
}
