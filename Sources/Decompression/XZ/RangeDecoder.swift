// SPDX-License-Identifier: Apache-2.0
// LZMA's adaptive binary range decoder. It is the inner loop of unpacking a kernel, hence: all state in locals of 64
// bits, every index masked to the array's size instead of compared with it, and one-or-zero results computed without a
// branch where the bit is hard to predict.
//
// The bare-metal build only inlines all of this, the checked accesses to the probabilities included, as long as the
// decoder that uses it stays below the optimiser's size limit for one function: it has each tree once, not once per
// use. After a change, look for calls in LZMADecoder.swift.o; each one there costs a third of the speed.

/// Decodes bits from one chunk, each with a probability that learns.
struct RangeDecoder: ~Copyable, ~Escapable {
  private let input: Span<UInt8>
  private var position: Int
  private var range: Int
  private var code: Int
  private var probabilities: MutableSpan<UInt16>

  /// Starts on the chunk `input`, whose first five bytes are the initial code: a zero, then 32 bits.
  ///
  /// The caller has checked that `input` has five bytes or more; `probabilities` has `LZMALayout.count` elements.
  @inline(__always)
  @_lifetime(copy input, copy probabilities)
  init(input: Span<UInt8>, probabilities: consuming MutableSpan<UInt16>) {
    self.input = input
    self.probabilities = probabilities
    position = 5
    range = 0xFFFF_FFFF
    code = Int(input[1]) &<< 24 | Int(input[2]) &<< 16 | Int(input[3]) &<< 8 | Int(input[4])
  }

  /// Whether the chunk is used up to its last byte and the code is what an encoder leaves at the end.
  ///
  /// Call it once, after the last symbol. A chunk that was too short has been read as if zeros followed, and is found
  /// here.
  @inline(__always)
  mutating func isFinished() -> Bool {
    normalize()
    return position == input.count && code == 0
  }

  @inline(__always)
  private mutating func normalize() {
    if _slowPath(range < 1 &<< 24) {
      var byte = 0
      if position < input.count { byte = Int(input[position]) }
      position = position &+ 1
      range = range &<< 8
      code = code &<< 8 | byte
    }
  }

  /// The next bit with the probability at `index`, as a condition: for decisions that are easy to predict or that the
  /// program branches on anyway.
  @inline(__always)
  mutating func flag(_ index: Int) -> Bool {
    normalize()
    let probability = Int(probabilities[index & LZMALayout.mask])
    let bound = (range &>> 11) &* probability
    if code < bound {
      range = bound
      probabilities[index & LZMALayout.mask] = UInt16(truncatingIfNeeded: probability &+ ((2048 &- probability) &>> 5))
      return false
    } else {
      range = range &- bound
      code = code &- bound
      probabilities[index & LZMALayout.mask] = UInt16(truncatingIfNeeded: probability &- (probability &>> 5))
      return true
    }
  }

  /// The next bit with the probability at `index`, negated: 0 or -1. No branch depends on it.
  @inline(__always)
  mutating func negatedBit(_ index: Int) -> Int {
    normalize()
    let probability = Int(probabilities[index & LZMALayout.mask])
    let bound = (range &>> 11) &* probability
    // All ones if `code` is at the bound or above: the bit is one.
    let ones = (bound &- 1 &- code) &>> 63
    code = code &- (bound & ones)
    range = bound &+ ((range &- bound &- bound) & ones)
    // Zero: up by a 32nd of what is missing to 2048. One: down by a 32nd. Both rounded towards where it was.
    let step = (2048 &+ (ones & (31 - 2048)) &- probability) &>> 5
    probabilities[index & LZMALayout.mask] = UInt16(truncatingIfNeeded: probability &+ step)
    return ones
  }

  /// One step down a tree whose root is `base`: the node below `node`.
  @inline(__always)
  mutating func descend(_ base: Int, _ node: Int) -> Int {
    node &+ node &- negatedBit(base &+ node)
  }

  /// A number of three bits, most significant first, from the tree at `base`.
  @inline(__always)
  mutating func tree3(_ base: Int) -> Int {
    var node = descend(base, 1)
    node = descend(base, node)
    node = descend(base, node)
    return node &- 8
  }

  /// A number of six bits, most significant first, from the tree at `base`.
  @inline(__always)
  mutating func tree6(_ base: Int) -> Int {
    var node = descend(base, 1)
    node = descend(base, node)
    node = descend(base, node)
    node = descend(base, node)
    node = descend(base, node)
    node = descend(base, node)
    return node &- 64
  }

  /// A byte from the tree at `base`.
  @inline(__always)
  mutating func tree8(_ base: Int) -> Int {
    var node = descend(base, 1)
    node = descend(base, node)
    node = descend(base, node)
    node = descend(base, node)
    node = descend(base, node)
    node = descend(base, node)
    node = descend(base, node)
    node = descend(base, node)
    return node &- 256
  }

  /// The same as `tree8`, as a loop: for what is rare.
  @inline(__always)
  mutating func longTree8(_ base: Int) -> Int {
    var node = 1
    while node < 256 { node = descend(base, node) }
    return node &- 256
  }

  /// A byte from the tree at `base`, each bit chosen also by the bit of `expected` in its place as long as all agreed
  /// so far.
  @inline(__always)
  mutating func matchedByte(_ base: Int, expected: Int) -> Int {
    var node = 1
    var agreeing = 0x100
    var shifted = expected &+ expected
    node = descendMatched(base, node, &agreeing, &shifted)
    node = descendMatched(base, node, &agreeing, &shifted)
    node = descendMatched(base, node, &agreeing, &shifted)
    node = descendMatched(base, node, &agreeing, &shifted)
    node = descendMatched(base, node, &agreeing, &shifted)
    node = descendMatched(base, node, &agreeing, &shifted)
    node = descendMatched(base, node, &agreeing, &shifted)
    node = descendMatched(base, node, &agreeing, &shifted)
    return node &- 256
  }

  /// One step of `matchedByte`: `agreeing` is 0x100 as long as all bits agreed, then 0; the expected bit has the same
  /// place in `shifted`.
  @inline(__always)
  private mutating func descendMatched(
    _ base: Int, _ node: Int, _ agreeing: inout Int, _ shifted: inout Int
  ) -> Int {
    let expected = shifted & agreeing
    let ones = negatedBit(base &+ agreeing &+ expected &+ node)
    // Clears the mark where the expected bit is one and the bit is zero, or the other way round.
    agreeing = agreeing & ~(expected ^ ones)
    shifted = shifted &+ shifted
    return node &+ node &- ones
  }

  /// A number of `bits` bits, least significant first, from the tree at `base`.
  @inline(__always)
  mutating func reverseTree(_ base: Int, bits: Int) -> Int {
    var node = 1
    var value = 0
    var place = 0
    while place < bits {
      let ones = negatedBit(base &+ node)
      node = node &+ node &- ones
      value = value &- ones &<< place
      place = place &+ 1
    }
    return value
  }

  /// A number of `bits` bits, most significant first, each as likely as not.
  @inline(__always)
  mutating func direct(bits: Int) -> Int {
    var value = 0
    var left = bits
    while left > 0 {
      normalize()
      range = range &>> 1
      let difference = code &- range
      let mask = difference &>> 63
      code = difference &+ (range & mask)
      value = value &+ value &+ 1 &+ mask
      left = left &- 1
    }
    return value
  }
}
