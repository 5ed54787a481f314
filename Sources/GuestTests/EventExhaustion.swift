// SPDX-License-Identifier: Apache-2.0
//
// All ports of the two-level ABI taken: an error, not a crash, and room again after closing.

import CGuestKit
import GuestKit

/// event-exhaust: 4095 ports at most, then ENOSPC.
func eventExhaustion() -> Guest {
  Guest("event-exhaust", "allocating ports ends with ENOSPC and goes on after a close") { () throws(Failure) in
    var count: UInt32 = 0
    var last: UInt32 = 0
    var result = 0
    while count < 10_000 {
      var request = evtchn_alloc_unbound(dom: selfDomain, remote_dom: selfDomain, port: 0)
      result = Events.operate(EVTCHNOP_alloc_unbound, &request)
      if result != 0 { break }
      count += 1
      last = request.port
    }
    try expect("the error", result, ErrorCode.noSpace)
    try require("thousands were given", count > 1000)
    try require("no port beyond the bitmaps", last < 4096)
    try expect("close one", Events.close(last), 0)
    var request = evtchn_alloc_unbound(dom: selfDomain, remote_dom: selfDomain, port: 0)
    try expect("allocate again", Events.operate(EVTCHNOP_alloc_unbound, &request), 0)
    try expect("the same port", request.port, last)
    var reset = evtchn_reset(dom: selfDomain)
    try expect("reset", Events.operate(EVTCHNOP_reset, &reset), 0)
  }
}
