// SPDX-License-Identifier: Apache-2.0
// A domain's event channels.
import Machine
import XenABI

/// The state of one domain's event channels, under its lock of rank `events`.
public struct EventChannels: ~Copyable {
  public init() {}
}
