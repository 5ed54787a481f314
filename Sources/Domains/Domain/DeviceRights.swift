// SPDX-License-Identifier: Apache-2.0
// The devices that a domain without hardware of its own has been given piece by piece: XEN_DOMCTL_ioport_permission and
// XEN_DOMCTL_irq_permission. (Its device memory is a matter of its page tables: `PageTableWork.deviceFrames`.)
import Frames
import Machine
import XenABI

/// A domain's rights to ports and interrupts, under its lock of rank `domainFrames`.
public struct DeviceRights: ~Copyable {
  /// I/O ports that it may use.
  public var ports = NumberRanges()
  /// Physical interrupts that it may bind.
  public var interrupts = NumberRanges()

  /// No rights.
  public init() {}
}

extension Ref where T == Domain {
  /// Whether the domain may bind a physical interrupt.
  func mayBind(interrupt: UInt32) -> Bool {
    self[].mayUseHardware
      || self[].deviceRights.withLock { $0.interrupts.contains(UInt64(interrupt), through: UInt64(interrupt)) }
  }
}
