// SPDX-License-Identifier: Apache-2.0
// Where records come from: whole runs of frames that hold one type of record for ever.
import CMachine

extension Ref where T: ~Copyable {
  /// How many frames one `T` takes when it has its memory to itself.
  @inlinable @inline(__always)
  public static var framesNeeded: UInt64 { UInt64((MemoryLayout<T>.stride &+ 4095) &>> 12) }

  /// Where in the last of those frames the record has ended: the bytes from here on (a multiple of 64) may hold plain words that
  /// go with it. 4096 if none are left.
  @inlinable @inline(__always)
  public static var tail: Int {
    let end = MemoryLayout<T>.stride &- Int(framesNeeded &- 1) &<< 12
    return (end &+ 63) & ~63
  }

  /// Makes a record in `framesNeeded` contiguous frames from `frame` on, which must belong to the hypervisor, hold nothing
  /// else before `tail`, and never be used for anything but a `T` and what goes with it again.
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
  // `places` frame numbers (plus one, so that zero means none) from word `firstWord` of a frame on; each such frame holds
  // `perFrame` elements.
  var directory: MachineFrame
  var firstWord = 0
  var places = 512
  // Where the directory begins, before it outgrows its part of a frame.
  let home: MachineFrame
  let homeWord: Int
  let homePlaces: Int
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
    (home, homeWord, homePlaces) = (directory, 0, 512)
    count = 0
  }

  /// A table without elements whose directory begins in a part of a frame of the hypervisor's: `places` words from `word` on.
  /// When that is full, `moveDirectory` lets it go on in a frame of its own. A table that others read without its lock must
  /// not move.
  public init(directory: MachineFrame, word: Int, places: Int) {
    precondition(word >= 0 && places > 0 && word &+ places <= 512)
    for index in 0..<places { PhysicalWindow.store(directory, word: word &+ index, 0) }
    self.directory = directory
    firstWord = word
    self.places = places
    (home, homeWord, homePlaces) = (directory, word, places)
    count = 0
  }

  /// Whether the directory has no room for one more frame, but would in a frame of its own.
  public var needsDirectory: Bool { places < 512 && count / Self.perFrame >= places }

  /// Makes `frame`, which must be the hypervisor's and hold nothing else, the directory. `shrink` gives it back at last.
  public mutating func moveDirectory(to frame: MachineFrame) {
    precondition(places < 512)
    PhysicalWindow.clear(frame)
    for index in 0..<places {
      PhysicalWindow.store(frame, word: index, PhysicalWindow.load(directory, word: firstWord &+ index))
    }
    (directory, firstWord, places) = (frame, 0, 512)
  }

  /// Adds a frame of elements, all `initial`. Gives false when the directory is full.
  public mutating func grow(by frame: MachineFrame, initial: Element) -> Bool {
    let index = count / Self.perFrame
    guard index < places else { return false }
    for slot in 0..<Self.perFrame { unsafe address(frame, slot).initialize(to: initial) }
    PhysicalWindow.store(directory, word: firstWord &+ index, frame.number &+ 1)
    count &+= Self.perFrame
    return true
  }

  /// Takes the frames back one by one, for the owner to free, a directory that has been moved to last; nil when all have been
  /// given. The table is empty afterwards.
  public mutating func shrink() -> MachineFrame? {
    guard count > 0 else {
      guard places != homePlaces else { return nil }
      let frame = directory
      (directory, firstWord, places) = (home, homeWord, homePlaces)
      for index in 0..<places { PhysicalWindow.store(directory, word: firstWord &+ index, 0) }
      return frame
    }
    count &-= Self.perFrame
    let index = count / Self.perFrame
    let frame = MachineFrame(PhysicalWindow.load(directory, word: firstWord &+ index) &- 1)
    PhysicalWindow.store(directory, word: firstWord &+ index, 0)
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
    let frame = MachineFrame(PhysicalWindow.load(directory, word: firstWord &+ Int(bitPattern: page)) &- 1)
    return unsafe address(frame, Int(bitPattern: slot))
  }
}
