// SPDX-License-Identifier: Apache-2.0
// The console ring, debug keys and traces.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_SYSCTL_readconsole: copies what the console has said to a buffer, from the oldest byte that is kept and not cleared, or
/// from the position that an earlier call gave back (`incremental`). Positions are counted modulo 2^32. One call gives no more
/// than 64 KiB, which is soon copied: `count` says how many bytes it was, and readers come again for the rest.
///
/// - Throws: `fault`.
func readConsole(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var request = try GuestMemory.fetch(at, initial: martlet_readconsole())
  let console = Ref<Console>.shared
  let (first, end) = console.readable(after: request.incremental != 0 ? request.index : nil)
  let count = min(end &- first, UInt64(request.count), 1 &<< 16)
  guard console.copy(from: first, count: count, to: LinearAddress(request.buffer)) else { throw .fault }
  let reached = first &+ count
  request.count = UInt32(truncatingIfNeeded: count)
  request.index = UInt32(truncatingIfNeeded: reached)
  try GuestMemory.put(at, request)
  // What has been read only: what has come since is for the next reader.
  if request.clear != 0 { console.clear(upTo: reached) }
  return .success
}

/// XEN_SYSCTL_debug_keys: presses keys, one in each stretch; the list in the caller's memory shrinks meanwhile, so that what a
/// key prints is all that the machine waits for.
///
/// - Throws: `fault`.
func debugKeys(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var request = try GuestMemory.fetch(at, initial: martlet_debug_keys())
  guard request.nr_keys > 0 else { return .success }
  let key = try GuestMemory.fetch(LinearAddress(request.keys), initial: UInt8(0))
  request.keys &+= 1
  request.nr_keys &-= 1
  try GuestMemory.put(at, request)
  // The two values that are no keys but say whose the keyboard is would be a lie.
  if key < 128 { DebugKeys.press(key) }
  return request.nr_keys > 0 ? .again : .success
}

/// XEN_SYSCTL_tbuf_op: there are no trace buffers, as in a Xen built without them.
///
/// - Throws: always `notImplemented`.
func traceBufferOp(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }
