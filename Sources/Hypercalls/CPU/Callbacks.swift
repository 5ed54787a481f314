// SPDX-License-Identifier: Apache-2.0
// A guest kernel's entry points.
import Domains
import Machine
import XenABI

extension Hypercall {
  /// `set_callbacks`: event, failsafe and SYSCALL entry points.
  ///
  /// - Throws: `invalid` for an address that is not canonical.
  func setCallbacks() throws(XenError) -> HypercallOutcome {
    for index in 0..<3 where !LinearAddress(arguments[index]).isCanonical { throw .invalid }
    vcpu[].callbacks.event = arguments[0]
    vcpu[].callbacks.failsafe = arguments[1]
    vcpu[].callbacks.syscall = arguments[2]
    return .success
  }

  /// `callback_op`: register or unregister one entry point (struct callback_register: type, flags, address).
  ///
  /// - Throws: `fault`; `invalid` for an address that is not canonical or a kind that cannot be unregistered; `notImplemented`
  ///   for an unknown kind or command.
  func callbackOp() throws(XenError) -> HypercallOutcome {
    switch arguments[0] {
    case CallbackOperation.register:
      var words = InlineArray<2, UInt64>(repeating: 0)
      words = try GuestMemory.fetch(address(1), initial: words)
      try register(UInt16(truncatingIfNeeded: words[0]), masks: words[0] &>> 16 & 1 != 0, words[1])
    case CallbackOperation.unregister:
      let kind = try GuestMemory.fetch(address(1), initial: UInt16(0))
      switch kind {
      // Without these the guest could not run: they can only be replaced.
      case CallbackKind.event, CallbackKind.failsafe, CallbackKind.systemCall, CallbackKind.sysenterDeprecated,
        CallbackKind.sysenter, CallbackKind.systemCall32:
        throw .invalid
      case CallbackKind.nmi: vcpu[].callbacks.nmi = 0
      default: throw .notImplemented
      }
    default: throw .notImplemented
    }
    return .success
  }

  private func register(_ kind: UInt16, masks: Bool, _ address: UInt64) throws(XenError) {
    guard LinearAddress(address).isCanonical else { throw .invalid }
    switch kind {
    case CallbackKind.event: vcpu[].callbacks.event = address
    case CallbackKind.failsafe:
      vcpu[].callbacks.failsafe = address
      vcpu[].callbacks.failsafeMasksEvents = masks
    case CallbackKind.systemCall:
      vcpu[].callbacks.syscall = address
      vcpu[].callbacks.syscallMasksEvents = masks
    case CallbackKind.sysenterDeprecated, CallbackKind.sysenter:
      vcpu[].callbacks.sysenter = address
      vcpu[].callbacks.sysenterMasksEvents = masks
    case CallbackKind.nmi: vcpu[].callbacks.nmi = address
    case CallbackKind.systemCall32:
      vcpu[].callbacks.syscall32 = address
      vcpu[].callbacks.syscall32MasksEvents = masks
    default: throw .notImplemented
    }
  }

  /// `nmi_op`: register or unregister the NMI entry point, on vCPU 0 (XENNMI_*).
  ///
  /// - Throws: `fault`; `invalid` on another vCPU or for a bad address; `notImplemented` for an unknown command.
  func nmiOp() throws(XenError) -> HypercallOutcome {
    switch arguments[0] {
    case NMIOperation.registerCallback:
      guard vcpu[].id.raw == 0 else { throw .invalid }
      // struct xennmi_callback: the handler's address, and a word that is not used.
      let handler = try GuestMemory.fetch(address(1), initial: UInt64(0))
      guard LinearAddress(handler).isCanonical else { throw .invalid }
      vcpu[].callbacks.nmi = handler
    case NMIOperation.unregisterCallback: vcpu[].callbacks.nmi = 0
    default: throw .notImplemented
    }
    return .success
  }
}
