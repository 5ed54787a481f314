// SPDX-License-Identifier: Apache-2.0
//
// EVTCHNOP_reset closes every port of the domain.

import CGuestKit
import GuestKit

/// event-reset: all ports are closed, and the numbers are free again.
func eventReset() -> Guest {
  Guest("event-reset", "EVTCHNOP_reset closes all ports") { () throws(Failure) in
    let loop = try Events.loop()
    var reset = evtchn_reset(dom: 77)
    try expect("another domain", Events.operate(EVTCHNOP_reset, &reset), ErrorCode.noSuchDomain)
    reset.dom = selfDomain
    try expect("reset", Events.operate(EVTCHNOP_reset, &reset), 0)
    try expect("listener is closed", Events.status(loop.listener).status, UInt32(EVTCHNSTAT_closed))
    try expect("connected is closed", Events.status(loop.connected).status, UInt32(EVTCHNSTAT_closed))
    let again = try Events.loop()
    try expect(
      "the lowest port is given out again", min(again.listener, again.connected), min(loop.listener, loop.connected))
  }
}
