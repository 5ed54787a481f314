// SPDX-License-Identifier: Apache-2.0
//
// Traps as the guest receives them: the table given to the hypervisor (set_trap_table), the callbacks, and the one
// place where all of them arrive. A guest either attempts an instruction (Attempt.swift), runs user mode
// (UserMode.swift), or installs a handler here; any other trap ends it with FAIL.

import CGuestKit

/// The registers at a trap; a handler may change them.
public typealias TrapFrame = gk_frame

/// Exception vectors of the architecture, and GuestKit's own numbers for the callbacks.
public enum Vector {
  /// #DE.
  public static let divideError: UInt64 = 0
  /// #DB.
  public static let debug: UInt64 = 1
  /// NMI.
  public static let nonMaskable: UInt64 = 2
  /// #BP.
  public static let breakpoint: UInt64 = 3
  /// #OF.
  public static let overflow: UInt64 = 4
  /// #UD.
  public static let invalidOpcode: UInt64 = 6
  /// #NM.
  public static let deviceNotAvailable: UInt64 = 7
  /// #NP.
  public static let segmentNotPresent: UInt64 = 11
  /// #SS.
  public static let stackFault: UInt64 = 12
  /// #GP.
  public static let generalProtection: UInt64 = 13
  /// #PF.
  public static let pageFault: UInt64 = 14
  /// #AC.
  public static let alignmentCheck: UInt64 = 17
  /// The syscall callback.
  public static let syscall = UInt64(GK_VECTOR_SYSCALL)
  /// The event callback.
  public static let event = UInt64(GK_VECTOR_EVENT)
  /// The failsafe callback.
  public static let failsafe = UInt64(GK_VECTOR_FAILSAFE)
  /// The NMI callback.
  public static let nmiCallback = UInt64(GK_VECTOR_NMI)
}

/// A fault as an attempt or user mode saw it.
public struct Fault {
  /// Exception vector, or one of GuestKit's numbers in `Vector`.
  public var vector: UInt64
  /// Error code, 0 for vectors without one.
  public var error: UInt64
  /// The saved instruction pointer.
  public var rip: UInt64
  /// The saved flags; IF tells whether events were enabled.
  public var rflags: UInt64
  /// The saved code selector; its low bits are 0 for the guest's kernel and 3 for user mode.
  public var cs: UInt64
  /// arch.cr2 of vcpu_info at the time.
  public var address: UInt64
  /// evtchn_upcall_mask as the handler found it.
  public var eventsMasked: Bool
}

/// Called for each trap that is neither user mode's nor an attempt's; returns whether it dealt with it.
public var trapHandler: ((inout TrapFrame) -> Bool)? = nil
/// Called before an attempt's own recovery sees a trap; returns whether it dealt with it (the attempted code goes on).
public var attemptHandler: ((inout TrapFrame) -> Bool)? = nil

var lastFault: Fault? = nil

/// Sets up and changes the trap table.
public enum Traps {
  /// Registers one vector (struct trap_info). `level` is the most privileged ring that may use it by `int n`.
  @discardableResult
  public static func install(_ vector: UInt8, level: UInt8 = 0, masksEvents: Bool = false, address: UInt64? = nil)
    -> Int
  {
    let table = tablePage()
    write(table, vector, level: level | (masksEvents ? 4 : 0), address: address ?? stub(vector))
    Memory.fill(table + 16, words: 2, with: 0)
    return hypercall(__HYPERVISOR_set_trap_table, table)
  }

  /// The address of GuestKit's entry for `vector`.
  public static func stub(_ vector: UInt8) -> UInt64 {
    gk_address_trap_stubs() + UInt64(vector) * UInt64(GK_STUB_BYTES)
  }

  /// Puts GuestKit's own entries back, all of them.
  public static func restore() { installAll() }

  static func installAll() {
    let table = tablePage()
    for vector in UInt8(0)...31 { write(table + UInt64(vector) * 16, vector, level: 0, address: stub(vector)) }
    Memory.fill(table + 32 * 16, words: 2, with: 0)
    hypercall(__HYPERVISOR_set_trap_table, table)
    hypercall(
      __HYPERVISOR_set_callbacks, gk_address_event_entry(), gk_address_failsafe_entry(), gk_address_syscall_entry())
  }

  private static func write(_ entry: UInt64, _ vector: UInt8, level: UInt8, address: UInt64) {
    Memory.store8(entry, vector)
    Memory.store8(entry + 1, level)
    Memory.store16(entry + 2, UInt16(FLAT_RING3_CS64))
    Memory.store64(entry + 8, address)
  }

  private static func tablePage() -> UInt64 {
    if trapTablePage == 0 { trapTablePage = Pages.take() }
    return trapTablePage
  }
}

private var trapTablePage: UInt64 = 0

/// Number of the vCPU that runs this, told from the stack in use.
public var currentVCPU: UInt64 { (gk_rsp() - gk_address_stacks()) / UInt64(GK_STACK_BYTES) }

/// Every trap and callback arrives here from entry.S. Returns whether user mode gives way to the code that ran it.
@c(gk_trap) public func takeTrap(_ pointer: UnsafeMutablePointer<gk_frame>) -> Bool {
  // SAFETY: 1. entry.S passes the frame that it has just pushed; nobody else knows it, and it stays until we return.
  var frame = unsafe pointer.pointee
  let vcpu = currentVCPU
  let fault = Fault(
    vector: frame.vector, error: frame.error, rip: frame.rip, rflags: frame.rflags, cs: frame.cs,
    address: SharedInfo.faultAddress(vcpu), eventsMasked: Memory.load8(SharedInfo.vcpu(vcpu) + 1) != 0)
  let fromUser = vcpu == 0 && frame.cs & 3 == 3 && gk_user_resume != 0

  if frame.vector == Vector.event {
    Events.dispatch(vcpu)
    return false
  }
  if fromUser {
    lastFault = fault
    gk_user = frame
    return true
  }
  let attempted = vcpu == 0 && gk_recovery_target != 0
  if attempted, let handler = attemptHandler, handler(&frame) {
    // SAFETY: 1. As above.
    unsafe pointer.pointee = frame
    return false
  }
  if attempted {
    lastFault = fault
    frame.rip = gk_recovery_target
    gk_recovery_target = 0
    // Code of ours, in whatever segment the fault was.
    frame.cs = frame.cs & ~0xffff | UInt64(FLAT_RING3_CS64 & ~3)
    frame.ss = frame.ss & ~0xffff | UInt64(FLAT_RING3_SS64)
    // The attempt restores its own stack; its flags must not keep a trap flag alive.
    frame.rflags &= ~0x4_0100
    // SAFETY: 1. As above.
    unsafe pointer.pointee = frame
    return false
  }
  if let handler = trapHandler, handler(&frame) {
    // SAFETY: 1. As above.
    unsafe pointer.pointee = frame
    return false
  }
  Runner.unexpected(fault)
}
