// SPDX-License-Identifier: Apache-2.0
// The errors that a hypercall may give its caller.

/// An error number of the ABI (xen/errno.h). The caller sees its negative.
public enum XenError: Int32, Error {
  /// EPERM: the caller may not do this.
  case notPermitted = 1
  /// ENOENT: no such thing.
  case noEntry = 2
  /// ESRCH: no such domain or vCPU.
  case noSuchDomain = 3
  /// EIO: an input or output error.
  case ioError = 5
  /// ENXIO: no such device or index.
  case noSuchDevice = 6
  /// E2BIG: too much asked for.
  case tooBig = 7
  /// ENOEXEC: not a format that can be used.
  case badFormat = 8
  /// EBADF: a bad handle.
  case badHandle = 9
  /// EAGAIN: try again.
  case again = 11
  /// ENOMEM: no memory.
  case noMemory = 12
  /// EACCES: permission denied.
  case accessDenied = 13
  /// EFAULT: a guest address could not be read or written.
  case fault = 14
  /// EBUSY: in use.
  case busy = 16
  /// EEXIST: exists already.
  case exists = 17
  /// EXDEV: across what may not be crossed.
  case crossDevice = 18
  /// ENODEV: no such device.
  case noDevice = 19
  /// EINVAL: an argument makes no sense.
  case invalid = 22
  /// ENFILE: a table is full.
  case tableFull = 23
  /// ENOSPC: no space left.
  case noSpace = 28
  /// EROFS: read-only.
  case readOnly = 30
  /// EDOM: outside the function's domain.
  case outOfDomain = 33
  /// ERANGE: out of range.
  case outOfRange = 34
  /// EDEADLK: would deadlock.
  case deadlock = 35
  /// ENAMETOOLONG: a name is too long.
  case nameTooLong = 36
  /// ENOSYS: no such hypercall.
  case notImplemented = 38
  /// ENODATA: no data.
  case noData = 61
  /// ETIME: a timer has expired already.
  case timeExpired = 62
  /// EBADMSG: not a message that makes sense.
  case badMessage = 74
  /// EOVERFLOW: a value does not fit.
  case overflow = 75
  /// EILSEQ: an illegal byte sequence.
  case illegalSequence = 84
  /// ERESTART: preempted, used between us and ourselves only.
  case restart = 85
  /// EOPNOTSUPP: not supported here.
  case notSupported = 95
  /// EADDRINUSE: the address is taken.
  case addressInUse = 98
  /// EADDRNOTAVAIL: the address is not available.
  case addressNotAvailable = 99
  /// ENOBUFS: no buffer space.
  case noBuffers = 105
  /// EISCONN: connected already.
  case isConnected = 106
  /// ENOTCONN: not connected.
  case notConnected = 107
  /// ETIMEDOUT: took too long.
  case timedOut = 110

  /// What the caller finds in its result register.
  @inlinable public var result: UInt64 { UInt64(bitPattern: Int64(-rawValue)) }
}
