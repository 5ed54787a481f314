// SPDX-License-Identifier: Apache-2.0
// A domain's grant table.
import Machine
import XenABI

/// The state of one domain's grant table and of what it has mapped of others', under its lock of rank `grantTable`.
public struct GrantTable: ~Copyable {
  public init() {}
}
