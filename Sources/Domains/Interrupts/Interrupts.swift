// SPDX-License-Identifier: Apache-2.0
// Interrupts from devices and from other CPUs.
import Machine
import XenABI

/// Handling of interrupt vectors.
public enum Interrupts {
  /// An interrupt has come on this CPU.
  @inline(__always)
  public static func handle(_ vector: UInt8) {
    switch vector {
    case HypervisorVector.timer.rawValue:
      Ref<PhysicalCPU>.current[].work.fetchOr(CPUWork.timers | CPUWork.schedule)
      LocalAPIC.acknowledge()
    case HypervisorVector.wake.rawValue:
      // The work is in the CPU's record already; passing the exit does it.
      LocalAPIC.acknowledge()
    case HypervisorVector.flush.rawValue:
      FlushMailbox.answerCurrent()
      LocalAPIC.acknowledge()
    case HypervisorVector.stop.rawValue:
      Registers.stop()
    case HypervisorVector.spurious.rawValue:
      break
    case HypervisorVector.error.rawValue:
      LocalAPIC.acknowledge()
    default:
      InterruptRouting.deviceInterrupt(vector)
    }
  }
}
