// SPDX-License-Identifier: Apache-2.0
// Switching the machine off, with the values that Domain 0's ACPI interpreter has found.
import Machine

extension MachineEnd {
  /// Whether the hypervisor knows the registers that switch the machine off.
  public static var canPowerOff: Bool { Ref<Hypervisor>.shared[].policy.powerControlA != 0 }

  /// Enters the sleep state S5: writes what ACPI says to its control registers (PM1a_CNT, PM1b_CNT). All CPUs but this one
  /// are stopped first.
  public static func powerOff(a: UInt16, b: UInt16) -> Never {
    Log.write(.error, "Domain 0 switches the machine off")
    Ref<Console>.shared.goSynchronous()
    stopOthers()
    // SLP_EN, bit 13, starts it; the guest's value normally has it already.
    let policy = Ref<Hypervisor>.shared[].policy
    Ports.out16(policy.powerControlA, a | 1 &<< 13)
    if policy.powerControlB != 0 { Ports.out16(policy.powerControlB, b | 1 &<< 13) }
    Registers.stop()
  }
}
