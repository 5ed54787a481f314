// SPDX-License-Identifier: Apache-2.0
// All of physical memory, seen through one window. Frames may belong to guests and change under our hands, so the window only
// copies whole values in and out, or works on atomic words: it never lends a reference.
import CMachine

/// Access to physical memory by frame and offset. Frames outside the window (device memory) are refused by `contains`.
public enum PhysicalWindow {
  /// How many frames the window covers: frames 0 up to this number.
  @inlinable @inline(__always)
  public static var frameCount: UInt64 {
    // SAFETY: 1. A word written once, at boot.
    martlet_window_frames
  }

  /// Whether the frame lies in the window.
  @inlinable @inline(__always)
  public static func contains(_ frame: MachineFrame) -> Bool { frame.number < frameCount }

  /// The address of a byte of a frame.
  ///
  /// A frame outside the window is a bug of ours (guests' numbers are checked with `contains`), so it stops the machine.
  @usableFromInline @inline(__always)
  static func address(_ frame: MachineFrame, _ offset: Int) -> UnsafeMutableRawPointer {
    precondition(frame.number < frameCount && UInt(bitPattern: offset) < 4096)
    // SAFETY: 1. Checked just above: inside the window, which is mapped whole.
    return unsafe UnsafeMutableRawPointer(
      bitPattern: UInt(martlet_window_base &+ frame.number &<< 12 &+ UInt64(bitPattern: Int64(offset)))
    ).unsafelyUnwrapped
  }

  /// Reads the 8-byte word at `index` (0 to 511).
  @inlinable @inline(__always)
  public static func load(_ frame: MachineFrame, word index: Int) -> UInt64 {
    // SAFETY: 1. `address` checks; 2. aligned, as index counts words.
    unsafe martlet_load64(address(frame, index &<< 3))
  }

  /// Writes the 8-byte word at `index`.
  @inlinable @inline(__always)
  public static func store(_ frame: MachineFrame, word index: Int, _ value: UInt64) {
    // SAFETY: as in load.
    unsafe martlet_store64(address(frame, index &<< 3), value)
  }

  /// Compare-and-exchange of the word at `index`. Gives what was there: `expected` exactly when it took place.
  @inlinable @inline(__always)
  public static func compareExchange(
    _ frame: MachineFrame, word index: Int, expected: UInt64, desired: UInt64
  ) -> UInt64 {
    // SAFETY: as in load.
    unsafe martlet_cas64(address(frame, index &<< 3), expected, desired)
  }

  /// Sets bits of the word at `index`; gives the old value.
  @discardableResult @inlinable @inline(__always)
  public static func fetchOr(_ frame: MachineFrame, word index: Int, _ bits: UInt64) -> UInt64 {
    // SAFETY: as in load.
    unsafe martlet_or64(address(frame, index &<< 3), bits)
  }

  /// Keeps only the given bits of the word at `index`; gives the old value.
  @discardableResult @inlinable @inline(__always)
  public static func fetchAnd(_ frame: MachineFrame, word index: Int, _ bits: UInt64) -> UInt64 {
    // SAFETY: as in load.
    unsafe martlet_and64(address(frame, index &<< 3), bits)
  }

  /// Exchanges the word at `index`; gives the old value.
  @inlinable @inline(__always)
  public static func exchange(_ frame: MachineFrame, word index: Int, _ value: UInt64) -> UInt64 {
    // SAFETY: as in load.
    unsafe martlet_exchange64(address(frame, index &<< 3), value)
  }

  // 32-bit words, `index` 0 to 1023.
  /// Reads the 4-byte word at `index` (0 to 1023).
  @inlinable @inline(__always)
  public static func load32(_ frame: MachineFrame, word index: Int) -> UInt32 {
    // SAFETY: as in load.
    unsafe martlet_load32(address(frame, index &<< 2))
  }
  /// Writes the 4-byte word at `index`.
  @inlinable @inline(__always)
  public static func store32(_ frame: MachineFrame, word index: Int, _ value: UInt32) {
    // SAFETY: as in load.
    unsafe martlet_store32(address(frame, index &<< 2), value)
  }
  /// Compare-and-exchange of the 4-byte word at `index`; gives what was there.
  @inlinable @inline(__always)
  public static func compareExchange32(
    _ frame: MachineFrame, word index: Int, expected: UInt32, desired: UInt32
  ) -> UInt32 {
    // SAFETY: as in load.
    unsafe martlet_cas32(address(frame, index &<< 2), expected, desired)
  }
  /// Sets bits of the 4-byte word at `index`; gives the old value.
  @discardableResult @inlinable @inline(__always)
  public static func fetchOr32(_ frame: MachineFrame, word index: Int, _ bits: UInt32) -> UInt32 {
    // SAFETY: as in load.
    unsafe martlet_or32(address(frame, index &<< 2), bits)
  }
  /// Keeps only the given bits of the 4-byte word at `index`; gives the old value.
  @discardableResult @inlinable @inline(__always)
  public static func fetchAnd32(_ frame: MachineFrame, word index: Int, _ bits: UInt32) -> UInt32 {
    // SAFETY: as in load.
    unsafe martlet_and32(address(frame, index &<< 2), bits)
  }
  // 16-bit words, `index` 0 to 2047, and bytes.
  /// Reads the 2-byte word at `index` (0 to 2047).
  @inlinable @inline(__always)
  public static func load16(_ frame: MachineFrame, word index: Int) -> UInt16 {
    // SAFETY: as in load.
    unsafe martlet_load16(address(frame, index &<< 1))
  }
  /// Writes the 2-byte word at `index`.
  @inlinable @inline(__always)
  public static func store16(_ frame: MachineFrame, word index: Int, _ value: UInt16) {
    // SAFETY: as in load.
    unsafe martlet_store16(address(frame, index &<< 1), value)
  }
  /// Compare-and-exchange of the 2-byte word at `index`; gives what was there.
  @inlinable @inline(__always)
  public static func compareExchange16(
    _ frame: MachineFrame, word index: Int, expected: UInt16, desired: UInt16
  ) -> UInt16 {
    // SAFETY: as in load.
    unsafe martlet_cas16(address(frame, index &<< 1), expected, desired)
  }
  /// Keeps only the given bits of the 2-byte word at `index`; gives the old value.
  @discardableResult @inlinable @inline(__always)
  public static func fetchAnd16(_ frame: MachineFrame, word index: Int, _ bits: UInt16) -> UInt16 {
    // SAFETY: as in load.
    unsafe martlet_and16(address(frame, index &<< 1), bits)
  }
  /// Sets bits of the 2-byte word at `index`; gives the old value.
  @discardableResult @inlinable @inline(__always)
  public static func fetchOr16(_ frame: MachineFrame, word index: Int, _ bits: UInt16) -> UInt16 {
    // SAFETY: as in load.
    unsafe martlet_or16(address(frame, index &<< 1), bits)
  }
  /// Reads the byte at `offset` (0 to 4095).
  @inlinable @inline(__always)
  public static func load8(_ frame: MachineFrame, byte offset: Int) -> UInt8 {
    // SAFETY: 1. `address` checks.
    unsafe martlet_load8(address(frame, offset))
  }
  /// Writes the byte at `offset`.
  @inlinable @inline(__always)
  public static func store8(_ frame: MachineFrame, byte offset: Int, _ value: UInt8) {
    // SAFETY: 1. `address` checks.
    unsafe martlet_store8(address(frame, offset), value)
  }
  /// Exchanges one byte; gives the old value.
  @discardableResult @inlinable @inline(__always)
  public static func exchange8(_ frame: MachineFrame, byte offset: Int, _ value: UInt8) -> UInt8 {
    // SAFETY: 1. `address` checks.
    unsafe martlet_exchange8(address(frame, offset), value)
  }

  /// Fills a whole frame with zeros.
  public static func clear(_ frame: MachineFrame) {
    martlet_plain()
    // SAFETY: 1. A whole frame, checked by `address`.
    unsafe address(frame, 0).initializeMemory(as: UInt64.self, repeating: 0, count: 512)
  }

  /// Copies `count` bytes between two frames; both ranges must lie inside their frames.
  public static func copy(from: MachineFrame, at fromOffset: Int, to: MachineFrame, at toOffset: Int, count: Int) {
    guard count > 0 else { return }
    precondition(fromOffset &+ count <= 4096 && toOffset &+ count <= 4096)
    martlet_plain()
    // SAFETY: 1. Both starts are checked by `address`, both ends just above.
    unsafe address(to, toOffset).copyMemory(from: address(from, fromOffset), byteCount: count)
  }

  /// Copies our own bytes into memory that starts at a physical address. The range must lie in the window.
  public static func write(_ bytes: Span<UInt8>, physical: UInt64) {
    guard bytes.count > 0 else { return }
    precondition(UInt64(bytes.count) <= frameCount &<< 12 && physical <= frameCount &<< 12 &- UInt64(bytes.count))
    // SAFETY: 1. The range was checked just above.
    unsafe bytes.withUnsafeBufferPointer {
      unsafe address(MachineFrame(physical: physical), Int(physical & 4095))
        .copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count)
    }
  }

  /// Lends a range of memory that belongs to the hypervisor alone (boot modules, buffers) as bytes for the time of `body`.
  ///
  /// The caller says by the label that no guest can reach the range: a `Span` must not change under its reader.
  public static func withHypervisorOwned<R, E: Error>(
    physical: UInt64, count: Int, _ body: (Span<UInt8>) throws(E) -> R
  ) throws(E) -> R {
    precondition(count >= 0 && UInt64(count) <= frameCount &<< 12)
    precondition(physical <= frameCount &<< 12 &- UInt64(count))
    // SAFETY: 1. In the window, checked; 2. no guest owns it, as the caller says.
    let buffer = unsafe UnsafeBufferPointer<UInt8>(
      start: UnsafePointer(bitPattern: UInt(martlet_window_base &+ physical)), count: count)
    return try unsafe body(Span(_unsafeElements: buffer))
  }

  /// As `withHypervisorOwned`, for writing, and for `count` elements of any size.
  public static func withMutableHypervisorOwned<Element: BitwiseCopyable, R, E: Error>(
    physical: UInt64, count: Int, as: Element.Type, _ body: (inout MutableSpan<Element>) throws(E) -> R
  ) throws(E) -> R {
    let bytes = UInt64(count) &* UInt64(MemoryLayout<Element>.stride)
    precondition(count >= 0 && count < 1 &<< 40 && bytes <= frameCount &<< 12)
    precondition(physical <= frameCount &<< 12 &- bytes && physical & UInt64(MemoryLayout<Element>.alignment &- 1) == 0)
    // SAFETY: as above; 3. integers have no bad bit patterns.
    let buffer = unsafe UnsafeMutableBufferPointer<Element>(
      start: UnsafeMutablePointer(bitPattern: UInt(martlet_window_base &+ physical)), count: count)
    var span = unsafe MutableSpan(_unsafeElements: buffer)
    return try body(&span)
  }

  /// The linear address of a frame in the window, for what hardware reads by linear address (descriptor tables, save areas).
  @inlinable @inline(__always)
  public static func linear(_ frame: MachineFrame) -> UInt64 {
    // SAFETY: 1. A word written once, at boot.
    martlet_window_base &+ frame.number &<< 12
  }

  /// Says where the window lies and how far it reaches. Once, at boot, with all of it mapped.
  public static func open(base: UInt64, frames: UInt64) {
    // SAFETY: 1. Boot runs alone.
    martlet_window_base = base
    martlet_window_frames = frames
  }
}
