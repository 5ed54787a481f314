// SPDX-License-Identifier: Apache-2.0
//
// What a kernel says before it has a console of its own (Linux with earlyprintk=xen): CONSOLEIO_write by any domain. What the
// machine's console makes of it is looked at by the flow `xl-commands`.

import CGuestKit
import GuestKit

private func write(_ text: StaticString) throws(Failure) {
  let buffer = Pages.take()
  for index in 0..<text.utf8CodeUnitCount { Memory.store8(buffer + UInt64(index), byte(index, of: text)) }
  try expect(
    "write",
    hypercall(__HYPERVISOR_console_io, UInt64(CONSOLEIO_write), UInt64(text.utf8CodeUnitCount), buffer), 0)
}

/// console-early: pieces of lines, control characters and a line without an end are taken; what is not there is EFAULT.
func consoleEarly() -> Guest {
  Guest("console-early", "console_io takes what a kernel says before it has a console") { () throws(Failure) in
    try write("early one, ")
    try write("early \u{1b}[2Jtwo\r\nearly three\n")
    try write("early tail")
    try expect(
      "not there", hypercall(__HYPERVISOR_console_io, UInt64(CONSOLEIO_write), 8, 0x10),
      ErrorCode.badAddress)
    if !StartInfo.isInitialDomain {
      try expect(
        "reading is Domain 0's", hypercall(__HYPERVISOR_console_io, UInt64(CONSOLEIO_read), 8, 0x10),
        ErrorCode.notPermitted)
    }
  }
}
