// SPDX-License-Identifier: Apache-2.0
// Operations on the ledger, each carried out on the real one and on the model.
import XenABI

@testable import Frames
@testable import Machine

/// One operation; frames by their place in the universe.
enum LedgerOperation {
  case take(Int, UInt16)
  case drop(Int)
  case takeWritable(Int, UInt16)
  case dropWritable(Int)
  case pin(Int, Int)
  case unpin(Int)
  /// Table, index, target (nil: an entry that is not present), whether it is writable.
  case update(Int, Int, Int?, Bool)
  case useDescriptors(Int)
  case stopUsingDescriptors(Int)
  case transfer(Int, UInt16, UInt16)
  case endAllocation(Int, UInt16)
}

/// The ledger and the model side by side.
final class Pair {
  let tables: Tables
  var model: LedgerModel
  private var ledger: Ref<FrameLedger> { tables.world.ledger }

  init(_ tables: Tables, frames: Int) {
    self.tables = tables
    model = LedgerModel((0..<frames).map { _ in tables.world.frame() })
  }

  /// Carries out an operation on both. Gives what they disagree about; nil too for what cannot be done now (giving up what is
  /// not held).
  func apply(_ operation: LedgerOperation) -> String? {
    func frame(_ f: Int) -> MachineFrame { model.frames[f] }
    let real: Bool
    let expected: Bool
    switch operation {
    case .take(let f, let domain):
      (real, expected) = (ledger[].take(frame(f), owner: DomainID(domain)), model.take(f, domain))
    case .drop(let f):
      guard model.taken[f] > 0 else { return nil }
      ledger[].drop(frame(f))
      model.drop(f)
      (real, expected) = (true, true)
    case .takeWritable(let f, let domain):
      (real, expected) = (ledger[].takeWritable(frame(f), owner: DomainID(domain)), model.takeWritable(f, domain))
    case .dropWritable(let f):
      guard model.writable[f] > 0 else { return nil }
      ledger[].dropWritable(frame(f))
      model.dropWritable(f)
      (real, expected) = (true, true)
    case .pin(let f, let level): (real, expected) = (tables.pin(frame(f), level) == nil, model.pin(f, level))
    case .unpin(let f): (real, expected) = (tables.unpin(frame(f)) == nil, model.unpin(f))
    case .update(let f, let index, let target, let isWritable):
      let word = target.map { entry(frame($0), isWritable: isWritable) } ?? 0
      (real, expected) = (tables.update(frame(f), index, word) == nil, model.update(f, index, word))
    case .useDescriptors(let f):
      var isDone = true
      do { try ledger[].useDescriptors(frame(f), owner: DomainID(1)) } catch { isDone = false }
      (real, expected) = (isDone, model.useDescriptors(f))
    case .stopUsingDescriptors(let f):
      guard model.descriptors[f] > 0 else { return nil }
      ledger[].stopUsingDescriptors(frame(f))
      model.stopUsingDescriptors(f)
      (real, expected) = (true, true)
    case .transfer(let f, let from, let to):
      (real, expected) = (
        ledger[].transfer(frame(f), from: DomainID(from), to: DomainID(to)), model.transfer(f, from, to)
      )
    case .endAllocation(let f, let domain):
      (real, expected) = (ledger[].endAllocation(frame(f), owner: DomainID(domain)), model.endAllocation(f, domain))
    }
    if real != expected { return "\(operation): \(real), not \(expected)" }
    return model.difference(ledger).map { "\(operation): \($0)" }
  }

  /// What the test itself holds, for an exact recount.
  func recount() -> String? {
    let held = tables.world.held
    held.clear()
    for (f, frame) in model.frames.enumerated() where model.owner[f] != nil {
      held.add(
        frame, references: UInt64(model.taken[f] + model.writable[f] + model.descriptors[f]),
        uses: UInt64(model.writable[f] + model.descriptors[f]))
    }
    return tables.world.broken()
  }

  /// Gives up everything. Afterwards all frames must be free.
  func end() -> String? {
    for (f, frame) in model.frames.enumerated() {
      for _ in 0..<model.taken[f] { ledger[].drop(frame) }
      for _ in 0..<model.writable[f] { ledger[].dropWritable(frame) }
      for _ in 0..<model.descriptors[f] { ledger[].stopUsingDescriptors(frame) }
      if model.isPinned[f], tables.unpin(frame) != nil { return "frame \(f) cannot be unpinned at the end" }
    }
    for (f, frame) in model.frames.enumerated() where model.isAllocated[f] && model.owner[f] != nil {
      if !ledger[].endAllocation(frame, owner: DomainID(model.owner[f]!)) {
        return "frame \(f) is not allocated at the end"
      }
    }
    for (f, frame) in model.frames.enumerated() where ledger[].owner(frame) != .invalid {
      return "frame \(f) was not freed: \(ledger[].count(frame)) references"
    }
    return nil
  }
}
