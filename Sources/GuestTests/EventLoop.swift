// SPDX-License-Identifier: Apache-2.0
//
// Two ports of one domain joined: alloc_unbound, bind_interdomain, send, status, close.

import CGuestKit
import GuestKit

/// event-loop: send on one end arrives at the other; status tells the truth at each stage.
func eventLoop() -> Guest {
  Guest("event-loop", "a channel to oneself: bind, send, status, close") { () throws(Failure) in
    var unbound = evtchn_alloc_unbound(dom: selfDomain, remote_dom: selfDomain, port: 0)
    try expect("alloc_unbound", Events.operate(EVTCHNOP_alloc_unbound, &unbound), 0)
    let listener = unbound.port
    try require("port 0 is never given out", listener != 0)
    try expect("status: unbound", Events.status(listener).status, UInt32(EVTCHNSTAT_unbound))
    // Nobody at the other end: xen.h's send drops it without an error.
    try expect("send on an unbound port", Events.send(listener), 0)

    var bind = evtchn_bind_interdomain(remote_dom: selfDomain, remote_port: listener, local_port: 0)
    try expect("bind_interdomain", Events.operate(EVTCHNOP_bind_interdomain, &bind), 0)
    let connected = bind.local_port
    try require("a different port", connected != listener)
    let status = Events.status(connected)
    try expect("status: interdomain", status.status, UInt32(EVTCHNSTAT_interdomain))
    try expect("status: the other port", status.detailPort, listener)
    try require("bind again is refused", Events.operate(EVTCHNOP_bind_interdomain, &bind) < 0)

    Events.unmask(listener)
    Events.unmask(connected)
    // Binding leaves both ends pending once; take that away first.
    Events.enable()
    Events.disable()
    Events.resetCounts()
    Events.clearPending(listener)
    Events.clearPending(connected)

    try expect("send", Events.send(connected), 0)
    try require("the listener is pending", Events.isPending(listener))
    try require("the sender is not", !Events.isPending(connected))
    try expect("nothing is delivered while masked", Events.count(listener), 0)
    Events.enable()
    try expect("delivered once", Events.count(listener), 1)
    try expect("send the other way", Events.send(listener), 0)
    try expect("delivered at once", Events.count(connected), 1)

    try expect("close", Events.close(connected), 0)
    try expect("status of the closed", Events.status(connected).status, UInt32(EVTCHNSTAT_closed))
    try expect("status of the other end", Events.status(listener).status, UInt32(EVTCHNSTAT_unbound))
    try expect("send on a closed port", Events.send(connected), ErrorCode.invalid)
    try expect("close again", Events.close(connected), ErrorCode.invalid)
    try expect("close port 0", Events.close(0), ErrorCode.invalid)
    try expect("close an impossible port", Events.close(0xffff_fff0), ErrorCode.invalid)
    try expect("status of an impossible port", Events.status(0x10_0000).result, ErrorCode.invalid)
  }
}
