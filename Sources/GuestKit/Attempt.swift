// SPDX-License-Identifier: Apache-2.0
//
// Trying an instruction that may fault. The bytes are written to a page of their own and called; whatever trap they
// raise is recorded and the guest goes on after them. Bytes and not inline assembly, so that a test can make any
// instruction and say exactly where it lies.

import CGuestKit

private var codePage: UInt64 = 0

/// What came of attempted code: the registers it left (as they were before if it faulted), and its fault.
public struct Attempt {
  /// Registers after the code, or as they were given when it faulted.
  public var registers: gk_registers
  /// The trap that ended the code, nil when it returned.
  public var fault: Fault?
  /// Address of the first byte of the code.
  public var start: UInt64

  /// Saved rip as an offset from the first byte of the code.
  public var faultOffset: UInt64 { (fault?.rip ?? 0) &- start }
}

/// A page that attempted code is written to.
public var attemptPage: UInt64 {
  if codePage == 0 { codePage = Pages.take() }
  return codePage
}

/// Runs `code` with the given registers at virtual address `location`, followed by `ret`.
public func attempt(
  _ code: [UInt8], rax: UInt64 = 0, rbx: UInt64 = 0, rcx: UInt64 = 0, rdx: UInt64 = 0, rsi: UInt64 = 0,
  rdi: UInt64 = 0, rflags: UInt64 = 0x202
) -> Attempt {
  Memory.store(attemptPage, bytes: code)
  Memory.store8(attemptPage + UInt64(code.count), 0xc3)
  gk_attempted = gk_registers(
    rax: rax, rbx: rbx, rcx: rcx, rdx: rdx, rsi: rsi, rdi: rdi, r8: 0, r9: 0, r10: 0, rflags: rflags)
  return call(attemptPage)
}

/// Calls code that is already in memory.
public func attemptCall(_ address: UInt64) -> Attempt {
  gk_attempted = gk_registers(rax: 0, rbx: 0, rcx: 0, rdx: 0, rsi: 0, rdi: 0, r8: 0, r9: 0, r10: 0, rflags: 0x202)
  return call(address)
}

private func call(_ address: UInt64) -> Attempt {
  lastFault = nil
  gk_attempt(address)
  return Attempt(registers: gk_attempted, fault: lastFault, start: address)
}

/// Reads 64 bits at `address`, which may fault. rax holds the value.
public func attemptLoad(_ address: UInt64) -> Attempt { attempt([0x48, 0x8b, 0x07], rdi: address) }

/// Writes 64 bits at `address`, which may fault.
public func attemptStore(_ address: UInt64, _ value: UInt64) -> Attempt {
  attempt([0x48, 0x89, 0x07], rax: value, rdi: address)
}
