// SPDX-License-Identifier: Apache-2.0
// The ports of the virtual interrupts that each vCPU has for itself: they stand in its record, as most domains have few vCPUs.
import XenABI

/// The ports that a vCPU's own virtual interrupts are bound to; zero where one is bound to none. Under the domain's lock of rank
/// `events`.
public struct VirtualInterruptPorts: BitwiseCopyable {
  var timer: UInt32 = 0
  var debug: UInt32 = 0
  var profiler: UInt32 = 0
  var performance: UInt32 = 0

  /// None is bound.
  init() {}

  /// The port of an interrupt that each vCPU has.
  @inline(__always)
  func port(_ virq: UInt32) -> UInt32 {
    switch virq {
    case VirtualInterrupt.timer: timer
    case VirtualInterrupt.debug: debug
    case VirtualInterrupt.profiler: profiler
    case VirtualInterrupt.performance: performance
    default: 0
    }
  }

  /// Notes the port of an interrupt that each vCPU has.
  mutating func set(_ virq: UInt32, _ port: UInt32) {
    switch virq {
    case VirtualInterrupt.timer: timer = port
    case VirtualInterrupt.debug: debug = port
    case VirtualInterrupt.profiler: profiler = port
    case VirtualInterrupt.performance: performance = port
    default: break
    }
  }
}
