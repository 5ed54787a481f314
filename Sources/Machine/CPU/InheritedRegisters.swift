// SPDX-License-Identifier: Apache-2.0
// Model-specific registers that firmware, or another kernel before us, may have left with a meaning that is not ours.
import CMachine

/// Registers that are set on every CPU on its way up.
public enum InheritedRegisters {
  /// IA32_SYSENTER_CS, _ESP and _EIP. Without a code segment there SYSENTER is a #GP, which is what the emulation of it starts
  /// from; with what firmware has left it would be a way into ring 0 at an address that is not ours.
  public static func forgetSystemEnter() {
    for number in MSRNumber.systemEnter { Registers.setMSR(number, 0) }
  }

  /// IA32_TSX_CTRL: whether transactions begin at all (RTM_DISABLE), and whether CPUID tells of them (TSX_CPUID_CLEAR). For a CPU
  /// that has the register (`CPUFeatures.transactionControl`).
  public static func setTransactions(on: Bool) {
    guard let value = Registers.msr(MSRNumber.transactionControl) else { return }
    Registers.setMSR(MSRNumber.transactionControl, on ? value & ~3 : value | 3)
  }
}
