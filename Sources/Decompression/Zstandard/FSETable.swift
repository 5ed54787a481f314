// SPDX-License-Identifier: Apache-2.0
// Finite state entropy tables (RFC 8878, 4.1.1): reading a distribution, and spreading it over the states.

/// What the symbols of a table stand for.
enum FSESymbols {
  case literalLengths
  case matchLengths
  case offsets
  case weights

  /// The most states that the format allows, as a power of two.
  var maximumLog: Int {
    switch self {
    case .literalLengths, .matchLengths: 9
    case .offsets: 8
    case .weights: 6
    }
  }

  /// How many symbols there are.
  var count: Int {
    switch self {
    case .literalLengths: 36
    case .matchLengths: 53
    case .offsets: 32
    case .weights: 13
    }
  }

  /// Where the table is in the workspace's words.
  var base: Int {
    switch self {
    case .literalLengths: ZstandardLayout.literalLengths
    case .matchLengths: ZstandardLayout.matchLengths
    case .offsets: ZstandardLayout.offsets
    case .weights: ZstandardLayout.weightStates
    }
  }

  /// How many bits follow a symbol to make its value.
  func extraBits(_ symbol: Int) -> Int {
    switch self {
    case .literalLengths:
      symbol < 16 ? 0 : symbol < 20 ? 1 : symbol < 22 ? 2 : symbol < 24 ? 3 : symbol == 24 ? 4 : symbol &- 19
    case .matchLengths:
      symbol < 32
        ? 0 : symbol < 36 ? 1 : symbol < 38 ? 2 : symbol < 40 ? 3 : symbol < 42 ? 4 : symbol == 42 ? 5 : symbol &- 36
    case .offsets: symbol
    case .weights: 0
    }
  }

  /// The value of `symbol` with all its extra bits zero.
  func baseValue(_ symbol: Int) -> Int {
    // The first symbol with extra bits and its value, and the first that stands for a power of two (plus `least`).
    let first: Int
    let least: Int
    let firstPower: Int
    switch self {
    case .offsets: return 1 &<< symbol
    case .weights: return symbol
    case .literalLengths: (first, least, firstPower) = (16, 0, 25)
    case .matchLengths: (first, least, firstPower) = (32, 3, 43)
    }
    if symbol >= firstPower { return least &+ 1 &<< extraBits(symbol) }
    // In between, each symbol starts where the previous one ends.
    var value = least &+ Swift.min(symbol, first)
    var smaller = first
    while smaller < symbol {
      value = value &+ 1 &<< extraBits(smaller)
      smaller = smaller &+ 1
    }
    return value
  }

  /// Number of states of the predefined table, as a power of two.
  var defaultLog: Int { self == .offsets ? 5 : 6 }

  /// How many symbols the predefined distribution has.
  var defaultCount: Int { self == .offsets ? 29 : count }

  /// The predefined probability of `symbol` (RFC 8878, 3.1.1.3.2.2).
  func defaultProbability(_ symbol: Int) -> Int {
    switch self {
    case .literalLengths:
      switch symbol {
      case 0: 4
      case 1, 25: 3
      case 2...12, 16...24, 26: 2
      case 13...15, 27...31: 1
      default: -1
      }
    case .matchLengths:
      switch symbol {
      case 1: 4
      case 2: 3
      case 3...8: 2
      case 0, 9...45: 1
      default: -1
      }
    case .offsets, .weights:
      switch symbol {
      case 6...8: 2
      case 0...5, 9...23: 1
      default: -1
      }
    }
  }
}

/// Builds tables of two words per state: the symbol's base value; then `next state | bits << 16 | extra bits << 24`,
/// where the state that follows is `next state` plus the number in `bits` bits.
enum FSETable {
  /// Reads a distribution from `reader` and builds its table.
  /// - Returns: the number of states as a power of two.
  /// - Throws: `corrupt`.
  static func read(
    _ reader: inout ByteReader, _ symbols: FSESymbols, workspace: inout Workspace
  ) throws(DecompressionError) -> Int {
    guard workspace.halfwords.count >= ZstandardLayout.halfwordCount else { throw .workspaceTooSmall }
    var bits = ForwardBitReader(reader.rest)
    try bits.refill()
    let log = bits.take(4) &+ 5
    guard log <= symbols.maximumLog else { throw .corrupt }
    var left = 1 &<< log
    var symbol = 0
    while left > 0 {
      guard symbol < symbols.count else { throw .corrupt }
      try bits.refill()
      // One of `left + 2` values: the smaller ones take a bit less.
      let width = Int.bitWidth &- (left &+ 1).leadingZeroBitCount
      let short = (1 &<< width) &- 2 &- left
      var value = bits.peek(width &- 1)
      if value < short {
        bits.drop(width &- 1)
      } else {
        value = bits.take(width)
        if value >= 1 &<< (width &- 1) { value = value &- short }
      }
      let probability = value &- 1
      setProbability(&workspace.halfwords, symbol, probability)
      symbol = symbol &+ 1
      left = left &- (probability < 0 ? 1 : probability)
      if probability == 0 {
        var more = 3
        while more == 3 {
          try bits.refill()
          more = bits.take(2)
          guard symbol &+ more <= symbols.count else { throw .corrupt }
          for _ in 0..<more {
            setProbability(&workspace.halfwords, symbol, 0)
            symbol = symbol &+ 1
          }
        }
      }
    }
    guard left == 0 else { throw .corrupt }
    // The last byte counts even if it is only begun.
    guard bits.bytePosition <= reader.remaining else { throw .corrupt }
    try reader.skip(bits.bytePosition)
    try build(symbols, log: log, count: symbol, workspace: &workspace)
    return log
  }

  /// Builds the predefined table.
  /// - Returns: the number of states as a power of two.
  static func buildDefault(_ symbols: FSESymbols, workspace: inout Workspace) throws(DecompressionError) -> Int {
    for symbol in 0..<symbols.defaultCount {
      setProbability(&workspace.halfwords, symbol, symbols.defaultProbability(symbol))
    }
    try build(symbols, log: symbols.defaultLog, count: symbols.defaultCount, workspace: &workspace)
    return symbols.defaultLog
  }

  /// Builds the table with one state that always gives `symbol`.
  /// - Returns: 0, the number of states as a power of two.
  static func buildSingle(
    _ symbols: FSESymbols, _ symbol: Int, workspace: inout Workspace
  ) throws(DecompressionError) -> Int {
    guard symbol < symbols.count else { throw .corrupt }
    setState(&workspace.words, symbols, state: 0, symbol: symbol, next: 0, bits: 0)
    return 0
  }

  private static func build(
    _ symbols: FSESymbols, log: Int, count: Int, workspace: inout Workspace
  ) throws(DecompressionError) {
    guard
      workspace.halfwords.count >= ZstandardLayout.halfwordCount, workspace.words.count >= ZstandardLayout.wordCount
    else { throw .workspaceTooSmall }
    let size = 1 &<< log
    // The rarest symbols get one state each, from the end.
    var last = size &- 1
    for symbol in 0..<count {
      let probability = Self.probability(workspace.halfwords, symbol)
      setNextState(&workspace.halfwords, symbol, probability < 0 ? 1 : probability)
      if probability < 0 {
        setSymbol(&workspace.words, symbols, state: last, symbol)
        last = last &- 1
      }
    }
    // The others are spread over what is left by a fixed stride, which visits each state once.
    let step = size &>> 1 &+ size &>> 3 &+ 3
    var state = 0
    for symbol in 0..<count {
      let probability = Self.probability(workspace.halfwords, symbol)
      guard probability > 0 else { continue }
      for _ in 0..<probability {
        setSymbol(&workspace.words, symbols, state: state, symbol)
        repeat { state = (state &+ step) & (size &- 1) } while state > last
      }
    }
    guard state == 0 else { throw .corrupt }
    for state in 0..<size {
      let symbol = Int(workspace.words[(symbols.base &+ 2 &* state) & ZstandardLayout.wordMask])
      let next = nextState(workspace.halfwords, symbol)
      setNextState(&workspace.halfwords, symbol, next &+ 1)
      let bits = log &- (Int.bitWidth &- 1 &- next.leadingZeroBitCount)
      setState(
        &workspace.words, symbols, state: state, symbol: symbol, next: next &<< bits &- size, bits: bits)
    }
  }

  private static func setProbability(_ halfwords: inout MutableSpan<UInt16>, _ symbol: Int, _ probability: Int) {
    guard halfwords.count >= ZstandardLayout.halfwordCount else { return }
    halfwords[ZstandardLayout.probabilities &+ symbol & 0xFF] = UInt16(truncatingIfNeeded: probability)
  }

  private static func probability(_ halfwords: borrowing MutableSpan<UInt16>, _ symbol: Int) -> Int {
    guard halfwords.count >= ZstandardLayout.halfwordCount else { return 0 }
    return Int(Int16(bitPattern: halfwords[ZstandardLayout.probabilities &+ symbol & 0xFF]))
  }

  private static func setNextState(_ halfwords: inout MutableSpan<UInt16>, _ symbol: Int, _ state: Int) {
    guard halfwords.count >= ZstandardLayout.halfwordCount else { return }
    halfwords[ZstandardLayout.nextStates &+ symbol & 0xFF] = UInt16(truncatingIfNeeded: state)
  }

  private static func nextState(_ halfwords: borrowing MutableSpan<UInt16>, _ symbol: Int) -> Int {
    guard halfwords.count >= ZstandardLayout.halfwordCount else { return 1 }
    return Int(halfwords[ZstandardLayout.nextStates &+ symbol & 0xFF])
  }

  private static func setSymbol(
    _ words: inout MutableSpan<UInt32>, _ symbols: FSESymbols, state: Int, _ symbol: Int
  ) {
    guard words.count >= ZstandardLayout.wordCount else { return }
    words[(symbols.base &+ 2 &* state) & ZstandardLayout.wordMask] = UInt32(truncatingIfNeeded: symbol)
  }

  private static func setState(
    _ words: inout MutableSpan<UInt32>, _ symbols: FSESymbols, state: Int, symbol: Int, next: Int, bits: Int
  ) {
    guard words.count >= ZstandardLayout.wordCount else { return }
    let index = (symbols.base &+ 2 &* state) & ZstandardLayout.wordMask & ~1
    words[index] = UInt32(truncatingIfNeeded: symbols.baseValue(symbol))
    words[index &+ 1] = UInt32(
      truncatingIfNeeded: next | bits &<< 16 | symbols.extraBits(symbol) &<< 24)
  }
}
