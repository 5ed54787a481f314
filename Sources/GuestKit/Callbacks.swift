// SPDX-License-Identifier: Apache-2.0
//
// callback_op: registering and removing the kernel's entries one by one.

import CGuestKit

/// The entries that a guest kernel registers (callback.h).
public enum Callbacks {
  /// CALLBACKOP_register for CALLBACKTYPE_* `type` with CALLBACKF_* `flags`.
  public static func register(_ type: Int32, flags: UInt16 = 0, address: UInt64) -> Int {
    var request = callback_register(
      type: UInt16(truncatingIfNeeded: type), flags: flags, address: UInt(address))
    return hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &request)
  }

  /// CALLBACKOP_unregister.
  public static func unregister(_ type: Int32) -> Int {
    var request = callback_unregister(type: UInt16(truncatingIfNeeded: type), _unused: 0)
    return hypercall(__HYPERVISOR_callback_op, CALLBACKOP_unregister, &request)
  }
}
