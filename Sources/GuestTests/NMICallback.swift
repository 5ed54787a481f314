// SPDX-License-Identifier: Apache-2.0
//
// An NMI sent by VCPUOP_send_nmi arrives at the NMI callback.

import CGuestKit
import GuestKit

private var seen = 0

/// nmi: register, send to oneself, receive once.
func nmiCallback() -> Guest {
  Guest("nmi", "VCPUOP_send_nmi reaches the NMI callback") { () throws(Failure) in
    try expect("register", Callbacks.register(CALLBACKTYPE_nmi, address: gk_address_nmi_entry()), 0)
    trapHandler = { frame in
      if frame.vector != Vector.nmiCallback { return false }
      seen += 1
      return true
    }
    try expect("send_nmi", VCPU.operate(VCPUOP_send_nmi, 0), 0)
    _ = VCPU.wait(limit: 500_000_000) { seen > 0 }
    try expect("received", seen, 1)
    try require("send_nmi to a vCPU that is not there", VCPU.operate(VCPUOP_send_nmi, 77) < 0)
  }
}
