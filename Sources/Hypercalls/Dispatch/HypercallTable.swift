// SPDX-License-Identifier: Apache-2.0
// The one list of hypercalls: a number, a handler. Numbers are __HYPERVISOR_* of xen/xen.h.
import Domains
import Machine
import XenABI

extension Hypercall {
  /// Carries out hypercall `number`.
  ///
  /// - Throws: what the handler throws; `notImplemented` for numbers that nobody has.
  @inline(__always)
  mutating func dispatch(_ number: UInt64) throws(XenError) -> HypercallOutcome {
    switch number {
    case 0: try setTrapTable()
    case 1: try mmuUpdate()
    case 2: try setGDT()
    case 3: stackSwitch()
    case 4: try setCallbacks()
    case 5: fpuTaskSwitch()
    case 6: try schedulerOpCompat()
    case 7: try platformOp(&self)
    case 8: try setDebugRegister()
    case 9: getDebugRegister()
    case 10: try updateDescriptor()
    case 12: try memoryOp(&self)
    case 13: try multicall()
    case 14: try updateVAMapping()
    case 15: try setTimerOp()
    case 16: try eventChannelOpCompat(&self)
    case 17: try xenVersion()
    case 18: try consoleIO()
    case 19: try physdevOpCompat(&self)
    case 20: try grantTableOp(&self)
    case 21: try vmAssist()
    case 22: try updateVAMappingOtherDomain()
    case 24: try vcpuOp()
    case 25: try setSegmentBase()
    case 26: try mmuextOp()
    case 28: try nmiOp()
    case 29: try schedulerOp()
    case 30: try callbackOp()
    case 32: try eventChannelOp(&self)
    case 33: try physdevOp(&self)
    case 27, 31, 34, 37...42: try refused(number)
    case 35: try sysctl(&self)
    case 36: try domctl(&self)
    case 48: try machineCheckOp()
    default: throw .notImplemented
    }
  }

  /// Interfaces that Xen has and we do not offer, each with the error by which their users know them absent.
  private func refused(_ number: UInt64) throws(XenError) -> HypercallOutcome {
    switch number {
    // xsm_op, kexec_op, tmem_op, argo_op, xenoprof_op: as in a Xen built without them.
    case 27, 31, 37, 38, 39: throw .notImplemented
    // hvm_op: a PV guest may ask, and no parameter of it is known.
    case 34: throw .notImplemented
    // xenpmu_op: no virtual performance counters.
    case 40: throw .notSupported
    // dm_op, hypfs_op.
    case 41: throw .notSupported
    default: throw .notImplemented
    }
  }
}
