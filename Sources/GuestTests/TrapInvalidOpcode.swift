// SPDX-License-Identifier: Apache-2.0
//
// Undefined instructions, and those that 64-bit mode took away.

import GuestKit

/// trap-invalid-opcode: ud2, into and other removed instructions raise #UD.
func invalidOpcodeTrap() -> Guest {
  Guest("trap-invalid-opcode", "ud2, and into which 64-bit mode does not have, arrive as vector 6") {
    () throws(Failure) in
    try expectFault("ud2", attempt([0x0f, 0x0b]), Vector.invalidOpcode)
    try expectFault("into", attempt([0xce]), Vector.invalidOpcode)
    try expectFault("push es", attempt([0x06]), Vector.invalidOpcode)
    try expectFault("ud2 after a nop", attempt([0x90, 0x0f, 0x0b]), Vector.invalidOpcode, offset: 1)
  }
}
