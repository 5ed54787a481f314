// SPDX-License-Identifier: Apache-2.0
//
// How long Martlet has had interrupts off: its debug key `s` measures that and says it on the console, which Domain 0 can read.
// In a machine whose clock counts instructions (GuestNeeds.countsInstructions) a nanosecond is one instruction, so that the
// numbers repeat exactly.

import CGuestKit
import GuestKit

/// The longest stretch with interrupts off since it was last asked.
struct StretchWatch {
  /// No stretch that a guest can bring about takes more instructions.
  static let limitForGuests: UInt64 = 200_000
  /// None that Domain 0's tools bring about.
  static let limitForTools: UInt64 = 500_000

  private let request = Request()
  private let text = Pages.take(4)
  private var isBroken = false

  /// Begins to measure.
  init() throws(Failure) {
    try press()
    // The first press may have been somebody else's.
    try press()
    _ = read()
  }

  /// Ends the test unless what has been done since the last call (or the start) kept within `limit`.
  mutating func expect(_ what: StaticString, below limit: UInt64 = StretchWatch.limitForGuests) throws(Failure) {
    let longest = try take()
    note(what, Int(longest))
    if longest > limit { isBroken = true }
  }

  /// Ends the test if any was too long.
  func conclude() throws(Failure) { try require("no stretch is longer than it may be", !isBroken) }

  /// Nanoseconds.
  private func take() throws(Failure) -> UInt64 {
    try press()
    let count = read()
    let words: StaticString = "longest stretch "
    let length = UInt64(words.utf8CodeUnitCount)
    var longest: UInt64? = nil
    var at: UInt64 = 0
    while at + length < count {
      var matches = true
      for index in 0..<length where unsafe Memory.load8(text + at + index) != words.utf8Start[Int(index)] {
        matches = false
        break
      }
      at += 1
      guard matches else { continue }
      var number: UInt64 = 0
      var digit = at - 1 + length
      while digit < count, case let byte = Memory.load8(text + digit), byte >= 48, byte <= 57 {
        number = number * 10 + UInt64(byte - 48)
        digit += 1
      }
      longest = max(longest ?? 0, number)
    }
    try require("the key tells of stretches", longest != nil)
    return longest ?? 0
  }

  private func press() throws(Failure) {
    // struct xen_sysctl: cmd (debug_keys), interface_version, and in the union keys, nr_keys.
    Memory.store8(text, UInt8(ascii: "s"))
    request.set32(0, 7)
    request.set32(4, 0x15)
    request.set64(8, text)
    request.set32(16, 1)
    try GuestKit.expect("press s", hypercall(__HYPERVISOR_sysctl, request.address), 0)
  }

  /// What the console's ring holds now; it is empty afterwards.
  private func read() -> UInt64 {
    // XEN_SYSCTL_readconsole: clear, incremental, pad, index, buffer, count.
    request.set32(0, 1)
    request.set32(4, 0x15)
    request.set32(8, 1)
    request.set32(12, 0)
    request.set64(16, text)
    request.set32(24, 4 * 4096)
    _ = hypercall(__HYPERVISOR_sysctl, request.address)
    return UInt64(request.get32(24))
  }
}
