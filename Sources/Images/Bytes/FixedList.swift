// SPDX-License-Identifier: Apache-2.0

// A list with its storage in place. Everything the boot code learns from firmware and boot loader is bounded, and there
// is no heap yet when it is read; appending to a full list is an answer, not a trap.

/// A list of at most `capacity` elements that lives wherever the value lives: on the stack, or inside another
/// structure.
public struct FixedList<let capacity: Int, Element> {
  private var storage: InlineArray<capacity, Element>

  /// Number of elements in use, 0...capacity.
  public private(set) var count: Int

  /// An empty list. `placeholder` fills the unused slots; it is never read back.
  public init(placeholder: Element) {
    storage = InlineArray(repeating: placeholder)
    count = 0
  }

  /// True when no further element fits.
  public var isFull: Bool { count == capacity }

  /// True when there are no elements.
  public var isEmpty: Bool { count == 0 }

  /// The valid indices, `0..<count`.
  public var indices: Range<Int> { 0..<count }

  /// Adds an element at the end. Returns false, and changes nothing, when the list is full.
  @discardableResult
  public mutating func append(_ element: Element) -> Bool {
    guard count < capacity else { return false }
    storage[count] = element
    count += 1
    return true
  }

  /// Puts an element before the one at `index` (0...count). Returns false, and changes nothing, when the list is full
  /// or the index is outside.
  @discardableResult
  public mutating func insert(_ element: Element, at index: Int) -> Bool {
    guard count < capacity, index >= 0, index <= count else { return false }
    var slot = count
    while slot > index {
      storage[slot] = storage[slot - 1]
      slot -= 1
    }
    storage[index] = element
    count += 1
    return true
  }

  /// Takes the element at `index` out, moving the later ones down. Does nothing when the index is outside.
  public mutating func remove(at index: Int) {
    guard index >= 0, index < count else { return }
    var slot = index
    while slot + 1 < count {
      storage[slot] = storage[slot + 1]
      slot += 1
    }
    count -= 1
  }

  /// The element at `index`.
  ///
  /// - Precondition: `index` is in `indices`; any other index is a bug of the caller, never of the data.
  public subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count)
      return storage[index]
    }
    set {
      precondition(index >= 0 && index < count)
      storage[index] = newValue
    }
  }

  /// The element at `index`, or nil outside the list.
  public func element(at index: Int) -> Element? {
    index >= 0 && index < count ? storage[index] : nil
  }

  /// Calls `body` with each element in order.
  public func forEach(_ body: (Element) -> Void) {
    for index in 0..<count { body(storage[index]) }
  }
}
