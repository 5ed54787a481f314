// SPDX-License-Identifier: Apache-2.0
// Exceptions that a guest causes: handed to its kernel by the trap table that it has registered.
import Machine
import XenABI

/// Exception vectors by name.
public enum ExceptionVector {
  /// #DE.
  public static let divide: UInt8 = 0
  /// #DB.
  public static let debug: UInt8 = 1
  /// #BP.
  public static let breakpoint: UInt8 = 3
  /// #UD.
  public static let invalidOpcode: UInt8 = 6
  /// #NM.
  public static let deviceNotAvailable: UInt8 = 7
  /// #DF.
  public static let doubleFault: UInt8 = 8
  /// #TS.
  public static let invalidTSS: UInt8 = 10
  /// #NP.
  public static let segmentNotPresent: UInt8 = 11
  /// #SS.
  public static let stackFault: UInt8 = 12
  /// #GP.
  public static let generalProtection: UInt8 = 13
  /// #PF.
  public static let pageFault: UInt8 = 14
  /// #AC.
  public static let alignmentCheck: UInt8 = 17

  /// Whether the exception pushes an error code.
  @inline(__always)
  public static func hasErrorCode(_ vector: UInt8) -> Bool {
    vector < 32 && (0x6022_7d00 as UInt32) &>> UInt32(vector) & 1 != 0
  }
}

extension Ref where T == VCPU {
  /// Hands an exception to the guest kernel. A guest without a handler for it is at its end.
  @inline(__always)
  public func inject(_ vector: UInt8, errorCode: UInt32, _ frame: Ref<TrapFrame>) {
    let (address, info) = trapEntry(vector)
    guard address != 0 else { return unhandled(vector, errorCode, frame) }
    let entry = GuestEntryPoint(address: address, masksEvents: info & TrapFlag.masksEvents != 0)
    if ExceptionVector.hasErrorCode(vector) {
      bounce(frame, to: entry, errorCode: errorCode)
    } else {
      bounce(frame, to: entry)
    }
  }

  /// Hands a page fault to the guest kernel, with its address in `vcpu_info`.
  @inline(__always)
  public func injectPageFault(address: UInt64, errorCode: UInt32, _ frame: Ref<TrapFrame>) {
    self[].info.cr2 = address
    // The CPU always says "user"; the guest wants to know of its own two modes. Protection keys and the like are not offered.
    let told = errorCode & PageFaultCode.told
    let code = self[].isKernelMode ? told : told | PageFaultCode.user
    inject(ExceptionVector.pageFault, errorCode: code, frame)
  }

  /// Delivers a software interrupt (`int n`) if the guest's table lets the present mode raise it; gives whether it did. The
  /// frame's RIP stands after the instruction.
  public func injectSoftwareInterrupt(_ vector: UInt8, _ frame: Ref<TrapFrame>) -> Bool {
    let (address, info) = trapEntry(vector)
    // Level 3: everyone may; 1 and 2: the kernel; 0: nobody.
    let level = info & TrapFlag.level
    guard address != 0, level >= (self[].isKernelMode ? 1 : 3) else { return false }
    bounce(frame, to: GuestEntryPoint(address: address, masksEvents: info & TrapFlag.masksEvents != 0))
    return true
  }

  @inline(never)
  private func unhandled(_ vector: UInt8, _ errorCode: UInt32, _ frame: Ref<TrapFrame>) {
    Log.write(.warning) {
      $0.put("domain ")
      $0.put(decimal: UInt64(domain[].id.raw))
      $0.put(" has no handler for exception ")
      $0.put(decimal: UInt64(vector))
      $0.put(" (error code ")
      $0.put(hex: UInt64(errorCode), digits: 4)
      $0.put(")")
    }
    domain.crash("an exception without a handler")
  }
}
