// SPDX-License-Identifier: Apache-2.0
// The floating-point and vector registers. They always belong to a guest: the hypervisor is compiled without them.
import CMachine

/// A save area for one vCPU's extended state: the end of a frame of the hypervisor's, from an offset on.
public struct ExtendedStateArea: BitwiseCopyable {
  /// The frame that holds the image.
  public let frame: MachineFrame
  /// Where in the frame it begins: a multiple of 64, as the CPU wants it.
  public let offset: Int

  /// An area with the state after reset, in a frame that holds nothing else from `offset` on.
  public init(frame: MachineFrame, offset: Int = 0) {
    precondition(offset >= 0 && offset & 63 == 0 && offset <= 4096 &- 576)
    self.frame = frame
    self.offset = offset
    reset()
  }

  /// How many bytes it has.
  public var bytes: Int { 4096 &- offset }

  /// Whether this machine's extended state has room in the end of a frame, from `offset` on.
  public static func fits(offset: Int) -> Bool { max(576, Int(CPUFeatures.current.saveAreaBytes)) <= 4096 &- offset }

  /// Makes it the state after reset.
  public func reset() {
    for word in offset &>> 3..<512 { PhysicalWindow.store(frame, word: word, 0) }
    // FCW and MXCSR as after FNINIT and reset.
    PhysicalWindow.store16(frame, word: offset &>> 1, 0x037f)
    PhysicalWindow.store32(frame, word: offset &>> 2 &+ 6, 0x1f80)
  }

  /// Has the header (eight words behind the first 512 bytes, as XSAVE writes them) and MXCSR be these.
  public func set(header: InlineArray<8, UInt64>, control: UInt32) {
    for index in 0..<8 { PhysicalWindow.store(frame, word: offset &>> 3 &+ 64 &+ index, header[index]) }
    PhysicalWindow.store32(frame, word: offset &>> 2 &+ 6, control)
  }

  /// The first 512 bytes have been written as FXSAVE writes them: makes them count, and nothing else unless `keepsOthers`. Bits
  /// that no CPU takes are cleared.
  public func adoptLegacyImage(keepsOthers: Bool = false) {
    var header = InlineArray<8, UInt64>(repeating: 0)
    header[0] = keepsOthers ? PhysicalWindow.load(frame, word: offset &>> 3 &+ 64) | 3 : 3
    set(header: header, control: PhysicalWindow.load32(frame, word: offset &>> 2 &+ 6) & 0xffff)
  }

  @inline(__always)
  private var address: UInt64 { PhysicalWindow.linear(frame) &+ UInt64(bitPattern: Int64(offset)) }

  /// Stores this CPU's state.
  public func save() {
    if CPUFeatures.current.xsave {
      martlet_xsave(address, CPUFeatures.current.xcr0)
    } else {
      martlet_fxsave(address)
    }
  }

  /// Loads this CPU's state. An image that the CPU refuses (one that a tool set) is replaced by the state after reset.
  public func restore() {
    if CPUFeatures.current.keepsFPUPointers { martlet_replace_fpu_pointers() }
    if load() { return }
    reset()
    _ = load()
  }

  @inline(__always)
  private func load() -> Bool {
    CPUFeatures.current.xsave ? martlet_xrstor(address, CPUFeatures.current.xcr0) : martlet_fxrstor(address)
  }
}
