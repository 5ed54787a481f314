// SPDX-License-Identifier: Apache-2.0
// The time of day, which Domain 0 knows from the machine's clock or the network.
import CXenABI
import Domains
import Machine
import XenABI

/// What the time of day was at system time zero, in nanoseconds since 1970; nil if that makes no sense.
func wallClockBase(seconds: UInt64, nanoseconds: UInt32, systemTime: UInt64) -> UInt64? {
  guard nanoseconds < 1_000_000_000 else { return nil }
  let (product, tooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
  let (sum, wrapped) = product.addingReportingOverflow(UInt64(nanoseconds))
  let (base, isBefore) = sum.subtractingReportingOverflow(systemTime)
  return tooLarge || wrapped || isBefore ? nil : base
}

/// XENPF_settime64.
///
/// - Throws: `fault`; `invalid` for a field that must be zero, or a time that makes no sense.
func setTime64(_ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: xenpf_settime64())
  guard request.mbz == 0,
    let base = wallClockBase(seconds: request.secs, nanoseconds: request.nsecs, systemTime: request.system_time)
  else { throw .invalid }
  WallClock.set(base: base)
}

/// XENPF_settime32.
///
/// - Throws: `fault`; `invalid` for a time that makes no sense.
func setTime32(_ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: xenpf_settime32())
  guard
    let base = wallClockBase(seconds: UInt64(request.secs), nanoseconds: request.nsecs, systemTime: request.system_time)
  else { throw .invalid }
  WallClock.set(base: base)
}
