// SPDX-License-Identifier: Apache-2.0
import XenABI
func physdevOp(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome { throw .notImplemented }
func physdevOpCompat(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome { throw .notImplemented }
func platformOp(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome { throw .notImplemented }
