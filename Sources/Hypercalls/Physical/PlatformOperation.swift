// SPDX-License-Identifier: Apache-2.0
// platform_op: what Domain 0 does with the machine as a whole. Which sub-operation it is, and which ones are refused.
import CXenABI
import Domains
import Machine
import XenABI

/// Operations on the platform (`platform_op(op)`, xen/platform.h).
///
/// - Throws: `fault` if the arguments cannot be read or written; `accessDenied` for another interface version;
///   `notPermitted` without privilege; `notImplemented` for an operation that does not exist, or one for which there is no
///   firmware or driver; what the operation throws.
public func platformOp(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let at = call.address(0)
  let command = Int32(bitPattern: try GuestMemory.fetch(at, initial: UInt32(0)))
  guard try GuestMemory.fetch(at + 4, initial: UInt32(0)) == UInt32(XENPF_INTERFACE_VERSION) else {
    throw .accessDenied
  }
  guard call.domain[].isPrivileged else { throw .notPermitted }
  let body = at + UInt64(OFFSET_platform_op_body)
  switch command {
  case XENPF_settime32: try setTime32(body)
  case XENPF_settime64: try setTime64(body)
  case XENPF_firmware_info: try firmwareInformation(body)
  case XENPF_enter_acpi_sleep: try enterSleep(body)
  case XENPF_get_cpuinfo: try processorInformation(body)
  case XENPF_get_cpu_version: try processorVersion(body)
  case XENPF_cpu_online: try bringProcessorUp(body)
  case XENPF_cpu_offline: try takeProcessorDown(body)
  case XENPF_core_parking: try parkProcessors(body)
  case XENPF_resource_op: return .done(try readResources(body))
  case XENPF_get_symbol: try symbol(body)
  case XENPF_read_memtype: try memoryType(body)
  case XENPF_platform_quirk: try platformQuirk(body)
  // Processors and memory that are added while the machine runs, memory types and microcode are left as the firmware has
  // set them up.
  case XENPF_cpu_hotadd, XENPF_mem_hotadd, XENPF_add_memtype, XENPF_del_memtype, XENPF_microcode_update:
    throw .notSupported
  // No processor power management is done here, so that of Domain 0 has nobody to talk to; and nobody boots by EFI.
  case XENPF_set_processor_pminfo, XENPF_change_freq, XENPF_getidletime, XENPF_efi_runtime_call: throw .notImplemented
  default: throw .notImplemented
  }
  return .success
}
