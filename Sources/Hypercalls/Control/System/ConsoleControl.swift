// SPDX-License-Identifier: Apache-2.0
// The console ring, debug keys and traces.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_SYSCTL_readconsole: not there yet.
func readConsole(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_SYSCTL_debug_keys: not there yet.
func debugKeys(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_SYSCTL_tbuf_op: not there yet.
func traceBufferOp(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }
