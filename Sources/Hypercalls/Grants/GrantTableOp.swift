// SPDX-License-Identifier: Apache-2.0
// grant_table_op: one line for each sub-operation.
import Domains
import Machine
import XenABI

/// grant_table_op(cmd, entries, count) (HYPERVISOR_grant_table_op): uses of grants, and of grant tables.
///
/// - Throws: `notImplemented` for an unknown sub-operation; otherwise see each.
public func grantTableOp(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  guard let operation = GrantOperation(rawValue: UInt32(truncatingIfNeeded: call.arguments[0])) else {
    throw .notImplemented
  }
  switch operation {
  case .mapGrantRef: return try mapGrantRefs(&call)
  case .unmapGrantRef: return try unmapGrantRefs(&call)
  case .setupTable: return try setupGrantTable(call)
  case .dumpTable: return try dumpGrantTable(call)
  case .transfer: return try transferFrames(&call)
  case .copy: return try copyGrants(&call)
  case .querySize: return try queryGrantTableSize(call)
  case .unmapAndReplace: return try unmapGrantRefsAndReplace(&call)
  case .setVersion: return try setGrantTableVersion(call)
  case .getStatusFrames: return try getGrantStatusFrames(call)
  case .getVersion: return try getGrantTableVersion(call)
  case .swapGrantRef: return try swapGrantRefs(&call)
  case .cacheFlush: return try flushGrantCaches(&call)
  }
}
