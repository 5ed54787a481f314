// SPDX-License-Identifier: Apache-2.0
// The floating-point and vector registers. They always belong to a guest: the hypervisor is compiled without them.
import CMachine

/// A save area for one vCPU's extended state, in one frame of the hypervisor's (no state we offer is larger).
public struct ExtendedStateArea: BitwiseCopyable {
  /// The frame that holds the image.
  public let frame: MachineFrame

  /// An area with the state after reset, in a frame that holds nothing else.
  public init(frame: MachineFrame) {
    PhysicalWindow.clear(frame)
    // FCW and MXCSR as after FNINIT and reset.
    PhysicalWindow.store16(frame, word: 0, 0x037f)
    PhysicalWindow.store32(frame, word: 6, 0x1f80)
    self.frame = frame
  }

  /// The first 512 bytes have been written as FXSAVE writes them: makes them count, and nothing else. Bits that no CPU takes
  /// are cleared.
  public func adoptLegacyImage() {
    PhysicalWindow.store32(frame, word: 6, PhysicalWindow.load32(frame, word: 6) & 0xffff)
    for word in 64..<72 { PhysicalWindow.store(frame, word: word, 0) }
    PhysicalWindow.store(frame, word: 64, 3)
  }

  /// Stores this CPU's state.
  public func save() {
    if CPUFeatures.current.xsave {
      martlet_xsave(PhysicalWindow.linear(frame), CPUFeatures.current.xcr0)
    } else {
      martlet_fxsave(PhysicalWindow.linear(frame))
    }
  }

  /// Loads this CPU's state. An image that the CPU refuses (one that a tool set) is replaced by the state after reset.
  public func restore() {
    let good =
      CPUFeatures.current.xsave
      ? martlet_xrstor(PhysicalWindow.linear(frame), CPUFeatures.current.xcr0)
      : martlet_fxrstor(PhysicalWindow.linear(frame))
    if !good {
      let fresh = ExtendedStateArea(frame: frame)
      _ =
        CPUFeatures.current.xsave
        ? martlet_xrstor(PhysicalWindow.linear(fresh.frame), CPUFeatures.current.xcr0)
        : martlet_fxrstor(PhysicalWindow.linear(fresh.frame))
    }
  }
}
