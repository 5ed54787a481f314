// SPDX-License-Identifier: Apache-2.0
//
// The hypercall itself, and the error numbers it returns. Guests pass either plain numbers or a variable whose address is
// the argument; which C structure that is stands at each call.

import CGuestKit

/// Errors as hypercalls return them (xen/errno.h), negated.
public enum ErrorCode {
  public static let notPermitted = -1  // EPERM
  public static let noEntry = -2  // ENOENT
  public static let noSuchDomain = -3  // ESRCH
  public static let noSuchDevice = -6  // ENXIO
  public static let badFileNumber = -9  // EBADF
  public static let tryAgain = -11  // EAGAIN
  public static let noMemory = -12  // ENOMEM
  public static let access = -13  // EACCES
  public static let badAddress = -14  // EFAULT
  public static let busy = -16  // EBUSY
  public static let exists = -17  // EEXIST
  public static let noDevice = -19  // ENODEV
  public static let invalid = -22  // EINVAL
  public static let noSpace = -28  // ENOSPC
  public static let noSystemCall = -38  // ENOSYS
  public static let timedOut = -62  // ETIME
  public static let notSupported = -95  // EOPNOTSUPP
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
  unsafe withUnsafeMutablePointer(to: &argument) { pointer in
    hypercall(number, UInt64(truncatingIfNeeded: command), UInt64(UInt(bitPattern: pointer)))
  }
}

/// The calling domain, wherever a domain ID is asked for (DOMID_SELF).
public let selfDomain: UInt16 = 0x7ff0
/// The owner of I/O frames (DOMID_IO).
public let ioDomain: UInt16 = 0x7ff1
/// The owner of the hypervisor's own frames (DOMID_XEN).
public let hypervisorDomain: UInt16 = 0x7ff2
