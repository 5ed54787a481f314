// SPDX-License-Identifier: Apache-2.0
//
// The first thing a guest does: a line on the console. HYPERVISOR_console_io, CONSOLEIO_write.

import CGuestKit
import GuestKit

/// console-output: a write returns 0, an empty one too, an unknown command is refused.
func consoleOutput() -> Guest {
  Guest("console-output", "console_io writes a line and refuses what it does not know") { () throws(Failure) in
    Console.put("hello from a guest, ")
    Console.put(decimal: 42)
    try expect("write", Console.end(), 0)
    try expect("empty write", hypercall(__HYPERVISOR_console_io, UInt64(CONSOLEIO_write), 0, 0), 0)
    try expect("unknown command", hypercall(__HYPERVISOR_console_io, 77, 0, 0), ErrorCode.noSystemCall)
  }
}
