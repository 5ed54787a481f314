// SPDX-License-Identifier: Apache-2.0
import Machine
import XenABI
public enum InterruptRouting {
  static func deviceInterrupt(_ vector: UInt8) { LocalAPIC.acknowledge() }
}
