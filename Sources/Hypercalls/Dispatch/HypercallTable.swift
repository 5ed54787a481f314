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
  public mutating func dispatch(_ number: UInt64) throws(XenError) -> HypercallOutcome {
    switch number {
    case HypercallNumber.setTrapTable: try setTrapTable()
    case HypercallNumber.mmuUpdate: try mmuUpdate()
    case HypercallNumber.setGDT: try setGDT()
    case HypercallNumber.stackSwitch: stackSwitch()
    case HypercallNumber.setCallbacks: try setCallbacks()
    case HypercallNumber.fpuTaskSwitch: fpuTaskSwitch()
    case HypercallNumber.schedulerOpCompat: try schedulerOpCompat()
    case HypercallNumber.platformOp: try platformOp(&self)
    case HypercallNumber.setDebugRegister: try setDebugRegister()
    case HypercallNumber.getDebugRegister: try getDebugRegister()
    case HypercallNumber.updateDescriptor: try updateDescriptor()
    case HypercallNumber.memoryOp: try memoryOp(&self)
    case HypercallNumber.multicall: try multicall()
    case HypercallNumber.updateVAMapping: try updateVAMapping()
    case HypercallNumber.setTimerOp: try setTimerOp()
    case HypercallNumber.eventChannelOpCompat: try eventChannelOpCompat(&self)
    case HypercallNumber.xenVersion: try xenVersion()
    case HypercallNumber.consoleIO: try consoleIO()
    case HypercallNumber.physdevOpCompat: try physdevOpCompat(&self)
    case HypercallNumber.grantTableOp: try grantTableOp(&self)
    case HypercallNumber.vmAssist: try vmAssist()
    case HypercallNumber.updateVAMappingOtherDomain: try updateVAMappingOtherDomain()
    case HypercallNumber.vcpuOp: try vcpuOp()
    case HypercallNumber.setSegmentBase: try setSegmentBase()
    case HypercallNumber.mmuextOp: try mmuextOp()
    case HypercallNumber.nmiOp: try nmiOp()
    case HypercallNumber.schedulerOp: try schedulerOp()
    case HypercallNumber.callbackOp: try callbackOp()
    case HypercallNumber.eventChannelOp: try eventChannelOp(&self)
    case HypercallNumber.physdevOp: try physdevOp(&self)
    case HypercallNumber.sysctl: try sysctl(&self)
    case HypercallNumber.domctl: try domctl(&self)
    case HypercallNumber.machineCheckOp: try machineCheckOp()
    // What Xen has and we do not offer, by the error by which its users know it absent: no virtual performance counters, no device
    // models, no tree of settings.
    case HypercallNumber.xenpmuOp, HypercallNumber.dmOp, HypercallNumber.hypfsOp: throw .notSupported
    // Numbers that nobody has; xsm_op, kexec_op, tmem_op, argo_op, xenoprof_op as in a Xen built without them; and hvm_op, which a
    // PV guest may ask, but no parameter of it is known.
    default: throw .notImplemented
    }
  }
}
