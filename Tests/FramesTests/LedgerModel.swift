// SPDX-License-Identifier: Apache-2.0
// The ledger as a child would keep it: every use is written down by itself, and counted when somebody asks.
import XenABI

@testable import Frames
@testable import Machine

/// A naive ledger of a few frames. Domain 1 has the page tables.
struct LedgerModel {
  let frames: [MachineFrame]
  /// Owner; nil once the frame has been given back.
  var owner: [UInt16?]
  var isAllocated: [Bool]
  var taken: [Int]
  var writable: [Int]
  var descriptors: [Int]
  var isPinned: [Bool]
  /// The level of a table in use (or in the making); zero for other frames.
  var level: [Int]
  /// How many entries of a table have been admitted; `Int.max` for all.
  var progress: [Int]
  /// Words that have been written.
  var words: [[Int: UInt64]]

  init(_ frames: [MachineFrame]) {
    self.frames = frames
    let n = frames.count
    owner = Array(repeating: 1, count: n)
    isAllocated = Array(repeating: true, count: n)
    taken = Array(repeating: 0, count: n)
    writable = taken
    descriptors = taken
    isPinned = Array(repeating: false, count: n)
    level = taken
    progress = taken
    words = Array(repeating: [:], count: n)
  }

  enum Kind: Equatable {
    case none, writable, descriptors
    case table(Int)
    case partial
  }

  private func target(_ word: UInt64) -> Int? { frames.firstIndex { $0.physical == word & PTE.frameMask } }
  private func isPresent(_ word: UInt64) -> Bool { word & PTE.present != 0 }
  private func isWritable(_ word: UInt64) -> Bool { word & PTE.writable != 0 }

  /// Admitted entries that lead to a frame: the tables and the entries.
  private func entries(to frame: Int) -> [(table: Int, word: UInt64)] {
    var found: [(Int, UInt64)] = []
    for table in frames.indices where level[table] > 0 {
      for (index, word) in words[table] where index < progress[table] && isPresent(word) && target(word) == frame {
        found.append((table, word))
      }
    }
    return found
  }

  func references(_ f: Int) -> Int {
    (isAllocated[f] ? 1 : 0) + taken[f] + writable[f] + descriptors[f] + (isPinned[f] ? 1 : 0) + entries(to: f).count
  }

  func uses(_ f: Int) -> Int {
    var sum = writable[f] + descriptors[f] + (isPinned[f] ? 1 : 0)
    for (table, word) in entries(to: f) {
      if level[table] == 1 { sum += isWritable(word) ? 1 : 0 } else if table != f { sum += 1 }
    }
    return sum
  }

  func kind(_ f: Int) -> Kind {
    if level[f] > 0 { return progress[f] == Int.max ? .table(level[f]) : .partial }
    if descriptors[f] > 0 { return .descriptors }
    return uses(f) > 0 ? .writable : .none
  }

  private func linearUsers(_ f: Int) -> Int {
    entries(to: f).filter { $0.table != f && level[$0.table] == level[f] }.count
  }
  private func linearUses(_ f: Int) -> Int {
    frames.indices.reduce(0) { sum, other in
      other != f && level[other] == level[f] ? sum + entries(to: other).filter { $0.table == f }.count : sum
    }
  }

  // ---- Operations: each gives whether it succeeds, and changes nothing if not ----

  func canTake(_ f: Int, _ domain: UInt16) -> Bool { owner[f] == domain }

  mutating func take(_ f: Int, _ domain: UInt16) -> Bool {
    guard canTake(f, domain) else { return false }
    taken[f] += 1
    return true
  }
  mutating func drop(_ f: Int) {
    taken[f] -= 1
    settle()
  }
  mutating func takeWritable(_ f: Int, _ domain: UInt16) -> Bool {
    guard canTake(f, domain), [.none, .writable].contains(kind(f)) else { return false }
    writable[f] += 1
    return true
  }
  mutating func dropWritable(_ f: Int) {
    writable[f] -= 1
    settle()
  }
  mutating func useDescriptors(_ f: Int) -> Bool {
    guard canTake(f, 1), [.none, .descriptors].contains(kind(f)) else { return false }
    descriptors[f] += 1
    return true
  }
  mutating func stopUsingDescriptors(_ f: Int) {
    descriptors[f] -= 1
    settle()
  }
  mutating func pin(_ f: Int, _ wanted: Int) -> Bool {
    guard canTake(f, 1), !isPinned[f] else { return false }
    let before = self
    guard kind(f) == .table(wanted) || (kind(f) == .none && validate(f, wanted)) else {
      self = before
      return false
    }
    isPinned[f] = true
    return true
  }
  mutating func unpin(_ f: Int) -> Bool {
    guard canTake(f, 1), isPinned[f] else { return false }
    isPinned[f] = false
    settle()
    return true
  }
  mutating func update(_ f: Int, _ index: Int, _ word: UInt64) -> Bool {
    guard canTake(f, 1) else { return false }
    guard case .table(let tableLevel) = kind(f) else {
      guard [.none, .writable].contains(kind(f)) else { return false }
      words[f][index] = word
      return true
    }
    let decisive = PTE.frameMask | PTE.present | PTE.writable
    if isPresent(word) && (words[f][index] ?? 0) & decisive != word & decisive {
      let before = self
      guard admit(f, tableLevel, word) else {
        self = before
        return false
      }
    }
    words[f][index] = word
    settle()
    return true
  }
  mutating func transfer(_ f: Int, _ from: UInt16, _ to: UInt16) -> Bool {
    guard owner[f] == from, kind(f) == .none, isAllocated[f], references(f) == 1 else { return false }
    owner[f] = to
    return true
  }
  mutating func endAllocation(_ f: Int, _ domain: UInt16) -> Bool {
    guard canTake(f, domain), isAllocated[f] else { return false }
    isAllocated[f] = false
    settle()
    return true
  }

  // ---- Validation ----

  private mutating func validate(_ f: Int, _ wanted: Int) -> Bool {
    level[f] = wanted
    progress[f] = 0
    for index in words[f].keys.sorted() {
      guard admit(f, wanted, words[f][index]!) else { return false }
      progress[f] = index + 1
    }
    progress[f] = Int.max
    return true
  }

  private mutating func admit(_ f: Int, _ tableLevel: Int, _ word: UInt64) -> Bool {
    guard isPresent(word) else { return true }
    guard let t = target(word), owner[t] == 1 else { return false }
    if tableLevel == 1 { return !isWritable(word) || [.none, .writable].contains(kind(t)) }
    if kind(t) == .table(tableLevel - 1) { return true }
    if level[t] == tableLevel && !isWritable(word) {
      if t == f { return true }
      if kind(t) == .table(tableLevel) && linearUsers(f) == 0 && linearUses(t) == 0 { return true }
    }
    return kind(t) == .none && validate(t, tableLevel - 1)
  }

  /// Tables without uses end; frames without references go back.
  private mutating func settle() {
    var changed = true
    while changed {
      changed = false
      for f in frames.indices where level[f] > 0 && progress[f] == Int.max && uses(f) == 0 {
        level[f] = 0
        changed = true
      }
    }
    for f in frames.indices where owner[f] != nil && references(f) == 0 { owner[f] = nil }
  }

  /// What the ledger says that this does not, if anything.
  func difference(_ ledger: Ref<FrameLedger>) -> String? {
    for (f, frame) in frames.enumerated() {
      guard let owner = owner[f] else {
        if ledger[].owner(frame) != .invalid { return "frame \(f) should be free" }
        continue
      }
      if ledger[].owner(frame) != DomainID(owner) {
        return "frame \(f): owner \(ledger[].owner(frame).raw), not \(owner)"
      }
      if ledger[].count(frame) != UInt64(references(f)) {
        return "frame \(f): \(ledger[].count(frame)) references, not \(references(f))"
      }
      let word = ledger[].type(frame)
      if word.count != UInt64(uses(f)) { return "frame \(f): \(word.count) uses, not \(uses(f))" }
      if word.isPinned != isPinned[f] { return "frame \(f): pinned \(word.isPinned)" }
      let expected: FrameType? =
        switch kind(f) {
        case .none, .partial: nil
        case .writable: .writable
        case .descriptors: .descriptors
        case .table(let level): .pageTable(level)
        }
      if let expected, word.type != expected { return "frame \(f) is \(word.type), not \(expected)" }
      if word.isPartial { return "frame \(f) is half-done" }
    }
    return nil
  }
}
