// SPDX-License-Identifier: Apache-2.0
// What a person types: for Domain 0's console, or, after CTRL-a three times, for the hypervisor's debug keys.
import Machine
import XenABI

/// Input from the serial console.
public enum ConsoleInput {
  /// Takes what has come.
  static func run() {}
}
