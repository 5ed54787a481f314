// SPDX-License-Identifier: Apache-2.0
import XenABI
func grantTableOp(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome { throw .notImplemented }
