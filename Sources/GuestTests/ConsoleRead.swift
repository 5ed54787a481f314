// SPDX-License-Identifier: Apache-2.0
//
// CONSOLEIO_read with nothing typed.

import CGuestKit
import GuestKit

/// console-read: returns 0 characters at once, and checks its buffer only when it has some.
func consoleRead() -> Guest {
  Guest("console-read", "console_io read returns at once with what was typed, here nothing") { () throws(Failure) in
    let buffer = Pages.take()
    try expect("read", hypercall(__HYPERVISOR_console_io, UInt64(CONSOLEIO_read), 64, buffer), 0)
    try expect("the buffer is untouched", Memory.load64(buffer), 0)
    let console = Events.bindVIRQ(VIRQ_CONSOLE)
    try expect("bind VIRQ_CONSOLE", console.result, 0)
    try expect("close", Events.close(console.port), 0)
  }
}
