// SPDX-License-Identifier: Apache-2.0
// Where records come from: whole runs of frames that hold one type of record for ever.
import CMachine

extension Ref where T: ~Copyable {
  /// How many frames one `T` takes when it has its memory to itself.
  public static var framesNeeded: UInt64 { UInt64((MemoryLayout<T>.stride &+ 4095) &>> 12) }

  /// Makes a record in `framesNeeded` contiguous frames from `frame` on, which must belong to the hypervisor, hold nothing
  /// else, and never be used for anything but a `T` again.
  public static func create(in frame: MachineFrame, _ value: consuming T) -> Ref<T> {
    precondition(framesNeeded <= PhysicalWindow.frameCount && frame.number <= PhysicalWindow.frameCount &- framesNeeded)
    precondition(MemoryLayout<T>.alignment <= 4096)
    // SAFETY: 1. In the window, checked; 2. handed over for good, as the doc says.
    let pointer = unsafe UnsafeMutablePointer<T>(bitPattern: UInt(PhysicalWindow.linear(frame))).unsafelyUnwrapped
    unsafe pointer.initialize(to: value)
    return unsafe Ref(pointer)
  }
}

/// A table of plain values spread over single frames that are added as it grows; entries are never moved.
///
/// For bookkeeping whose size a guest drives (event ports, maptrack entries): `capacity` is fixed when it is made, frames are
/// handed in one by one by the owner, and every access is checked.
@safe
public struct PagedTable<Element: BitwiseCopyable>: ~Copyable {
  // One frame of up to 512 frame numbers (plus one, so that zero means none); each such frame holds `perFrame` elements.
  var directory: MachineFrame
  /// How many elements can be used now: those in frames that have been handed in.
  public private(set) var count: Int

  /// How many elements a frame holds.
  public static var perFrame: Int { 4096 / MemoryLayout<Element>.stride }
  /// The most elements a table can have.
  public static var limit: Int { perFrame &* 512 }

  /// A table without elements; `directory` is a frame of the hypervisor's that holds nothing else.
  public init(directory: MachineFrame) {
    PhysicalWindow.clear(directory)
    self.directory = directory
    count = 0
  }

  /// Adds a frame of elements, all `initial`. Gives false when the directory is full.
  public mutating func grow(by frame: MachineFrame, initial: Element) -> Bool {
    let index = count / Self.perFrame
    guard index < 512 else { return false }
    for slot in 0..<Self.perFrame { unsafe address(frame, slot).initialize(to: initial) }
    PhysicalWindow.store(directory, word: index, frame.number &+ 1)
    count &+= Self.perFrame
    return true
  }

  /// Takes the frames back one by one, for the owner to free; nil when all have been given. The table is empty afterwards.
  public mutating func shrink() -> MachineFrame? {
    guard count > 0 else { return nil }
    count &-= Self.perFrame
    let index = count / Self.perFrame
    let frame = MachineFrame(PhysicalWindow.load(directory, word: index) &- 1)
    PhysicalWindow.store(directory, word: index, 0)
    return frame
  }

  /// The directory frame, for the owner to free once `shrink` has given all the others.
  public var directoryFrame: MachineFrame { directory }

  @inline(__always)
  func address(_ frame: MachineFrame, _ slot: Int) -> UnsafeMutablePointer<Element> {
    // SAFETY: 1. The frame was handed in by `grow` and is checked by the window; 2. `slot` is below `perFrame`.
    unsafe PhysicalWindow.address(frame, slot &* MemoryLayout<Element>.stride).assumingMemoryBound(to: Element.self)
  }

  /// The element at `index`. An index that is not below `count` is a bug of ours: guests' indices are compared first.
  @inlinable public subscript(index: Int) -> Element {
    get {
      // SAFETY: 1. `slot` checks the index.
      unsafe slot(index).pointee
    }
    nonmutating set {
      // SAFETY: 1. `slot` checks the index.
      unsafe slot(index).pointee = newValue
    }
  }

  @usableFromInline @inline(__always)
  func slot(_ index: Int) -> UnsafeMutablePointer<Element> {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    // Without a sign, so that a division by a power of two is a shift.
    let (page, slot) = UInt(bitPattern: index).quotientAndRemainder(dividingBy: UInt(bitPattern: Self.perFrame))
    let frame = MachineFrame(PhysicalWindow.load(directory, word: Int(bitPattern: page)) &- 1)
    return unsafe address(frame, Int(bitPattern: slot))
  }
}
