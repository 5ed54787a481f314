// SPDX-License-Identifier: Apache-2.0
//
// General protection faults: privileged instructions, selectors, non-canonical addresses.

import GuestKit

/// trap-general-protection: error codes name the selector, or are 0.
func generalProtectionTrap() -> Guest {
  Guest("trap-general-protection", "#GP carries the selector as its error code, or 0") { () throws(Failure) in
    // mov es, eax with a selector beyond the descriptor table
    try expectFault("bad selector", attempt([0x8e, 0xc0], rax: 0x1238), Vector.generalProtection, error: 0x1238)
    try expectFault(
      "bad selector at offset 1", attempt([0x90, 0x8e, 0xc0], rax: 0x4568), Vector.generalProtection,
      error: 0x4568, offset: 1)
    try expectFault("load at a non-canonical address", attemptLoad(0x8000_0000_0000_0000), Vector.generalProtection)
    // lgdt [rdi], lidt [rdi], ltr ax, hlt
    try expectFault("lgdt", attempt([0x0f, 0x01, 0x17], rdi: attemptPage + 64), Vector.generalProtection)
    try expectFault("lidt", attempt([0x0f, 0x01, 0x1f], rdi: attemptPage + 64), Vector.generalProtection)
    try expectFault("ltr", attempt([0x0f, 0x00, 0xd8], rax: 0), Vector.generalProtection)
    try expectFault("hlt", attempt([0xf4]), Vector.generalProtection)
  }
}
