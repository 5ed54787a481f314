// SPDX-License-Identifier: Apache-2.0
//
// The hypercall itself, and the error numbers it returns. Guests pass either plain numbers or a variable whose address
// is the argument; which C structure that is stands at each call.

import CGuestKit

/// Errors as hypercalls return them (xen/errno.h), negated.
public enum ErrorCode {
  /// EPERM.
  public static let notPermitted = -1
  /// ENOENT.
  public static let noEntry = -2
  /// ESRCH.
  public static let noSuchDomain = -3
  /// ENXIO.
  public static let noSuchDevice = -6
  /// EBADF.
  public static let badFileNumber = -9
  /// EAGAIN.
  public static let tryAgain = -11
  /// ENOMEM.
  public static let noMemory = -12
  /// EACCES.
  public static let access = -13
  /// EFAULT.
  public static let badAddress = -14
  /// EBUSY.
  public static let busy = -16
  /// EEXIST.
  public static let exists = -17
  /// ENODEV.
  public static let noDevice = -19
  /// EINVAL.
  public static let invalid = -22
  /// ENOSPC.
  public static let noSpace = -28
  /// ENOSYS.
  public static let noSystemCall = -38
  /// ETIME.
  public static let timedOut = -62
  /// EOPNOTSUPP.
  public static let notSupported = -95
}

/// One hypercall with plain number arguments.
@discardableResult
public func hypercall(
  _ number: Int32, _ a1: UInt64 = 0, _ a2: UInt64 = 0, _ a3: UInt64 = 0, _ a4: UInt64 = 0, _ a5: UInt64 = 0
) -> Int {
  Int(gk_hypercall(UInt64(number), a1, a2, a3, a4, a5))
}

/// One hypercall of the common form (command, pointer to an argument structure).
@discardableResult
public func hypercall<Argument>(_ number: Int32, _ command: Int32, _ argument: inout Argument) -> Int {
  withAddress(of: &argument) { address in hypercall(number, UInt64(truncatingIfNeeded: command), address) }
}

/// Calls `body` with the virtual address of a variable, for the time of the call.
public func withAddress<Value, Result>(of value: inout Value, _ body: (UInt64) -> Result) -> Result {
  // SAFETY: 1. The number is only used while `body` runs, in which `value` stays where it is; nothing keeps it.
  unsafe withUnsafeMutablePointer(to: &value) { pointer in body(UInt64(UInt(bitPattern: pointer))) }
}

/// One byte of a text, by its position from 0 below `utf8CodeUnitCount`.
public func byte(_ index: Int, of text: StaticString) -> UInt8 {
  // SAFETY: 1. Every caller counts below utf8CodeUnitCount; our texts are never single scalars (those have no pointer).
  unsafe text.utf8Start[index]
}

/// The calling domain, wherever a domain ID is asked for (DOMID_SELF).
public let selfDomain: UInt16 = 0x7ff0
/// The owner of I/O frames (DOMID_IO).
public let ioDomain: UInt16 = 0x7ff1
/// The owner of the hypervisor's own frames (DOMID_XEN).
public let hypervisorDomain: UInt16 = 0x7ff2
