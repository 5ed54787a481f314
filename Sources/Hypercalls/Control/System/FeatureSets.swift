// SPDX-License-Identifier: Apache-2.0
// CPU features and policies of the machine.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_SYSCTL_get_cpu_levelling_caps: not there yet.
func levellingCapabilities(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_SYSCTL_get_cpu_featureset: not there yet.
func featureSet(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_SYSCTL_get_cpu_policy: not there yet.
func systemProcessorPolicy(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }
