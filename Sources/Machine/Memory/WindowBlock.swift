// SPDX-License-Identifier: Apache-2.0
// A few bytes of a frame that are looked at all the time: the place is checked once, when it is chosen, and is one word from
// then on, so that whoever reads it while it changes gets one place or the other.
import CMachine

/// 64 bytes of one frame in the window. They may be a guest's: every access is atomic, nothing read is trusted.
@safe
public struct WindowBlock: BitwiseCopyable, @unchecked Sendable {
  @usableFromInline let address: UnsafeMutableRawPointer

  /// How many bytes a block has.
  @inlinable @inline(__always)
  public static var size: Int { 64 }

  /// The block at an offset, a multiple of eight, in a frame; it must not cross the frame's end.
  public init(frame: MachineFrame, offset: Int) {
    precondition(offset >= 0 && offset <= 4096 &- WindowBlock.size && offset & 7 == 0)
    unsafe address = PhysicalWindow.address(frame, offset)
  }

  /// The frame that the block is in.
  public var frame: MachineFrame {
    // SAFETY: 1. A number; nothing is read.
    unsafe MachineFrame(physical: UInt64(UInt(bitPattern: address)) &- martlet_window_base)
  }

  /// The block's offset in its frame.
  public var offset: Int {
    // SAFETY: 1. A number; nothing is read.
    unsafe Int(UInt(bitPattern: address) & 4095)
  }

  @usableFromInline @inline(__always)
  func at(_ offset: Int, bytes: Int) -> UnsafeMutableRawPointer {
    precondition(UInt(bitPattern: offset) <= UInt(bitPattern: WindowBlock.size &- bytes) && offset & (bytes &- 1) == 0)
    // SAFETY: 1. Inside the block, checked just above; the block is in the window, checked when it was made.
    return unsafe address + offset
  }

  @inlinable @inline(__always)
  public func load8(_ offset: Int) -> UInt8 {
    // SAFETY: 1. `at` checks.
    unsafe martlet_load8(at(offset, bytes: 1))
  }
  @inlinable @inline(__always)
  public func store8(_ offset: Int, _ value: UInt8) {
    // SAFETY: 1. `at` checks.
    unsafe martlet_store8(at(offset, bytes: 1), value)
  }
  /// Exchanges one byte; gives the old value.
  @inlinable @inline(__always)
  public func exchange8(_ offset: Int, _ value: UInt8) -> UInt8 {
    // SAFETY: 1. `at` checks.
    unsafe martlet_exchange8(at(offset, bytes: 1), value)
  }
  @inlinable @inline(__always)
  public func load(_ offset: Int) -> UInt64 {
    // SAFETY: 1. `at` checks.
    unsafe martlet_load64(at(offset, bytes: 8))
  }
  @inlinable @inline(__always)
  public func store(_ offset: Int, _ value: UInt64) {
    // SAFETY: 1. `at` checks.
    unsafe martlet_store64(at(offset, bytes: 8), value)
  }
  /// Sets bits of a word; gives the old value.
  @inlinable @inline(__always)
  public func fetchOr(_ offset: Int, _ bits: UInt64) -> UInt64 {
    // SAFETY: 1. `at` checks.
    unsafe martlet_or64(at(offset, bytes: 8), bits)
  }
}
