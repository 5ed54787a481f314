// SPDX-License-Identifier: Apache-2.0
// The one loop over the entries of a batched grant operation.
import Domains
import Machine
import XenABI

/// The driver of batched operations: copies each entry in, writes each status back, and stops for preemption.
enum GrantBatch {
  /// How many entries of an operation that leaves something to settle may wait for that.
  static let chunk = 16

  /// The number of entries that the caller states.
  ///
  /// - Throws: `invalid` if it is negative as a 32-bit number.
  static func count(_ call: Hypercall) throws(XenError) -> Int {
    let count = Int32(truncatingIfNeeded: call.arguments[2])
    guard count >= 0 else { throw .invalid }
    return Int(count)
  }

  /// Runs `body` for each entry; what it returns becomes the entry's status. `settle` runs after each `chunk` entries and
  /// before the end, however that comes about: what `body` has put off is done there.
  ///
  /// An entry takes `units` of the stretch. When it is time to stop, the arguments are moved on to the entries that are left.
  ///
  /// - Throws: `invalid` for a bad count; `fault` if an entry cannot be read or written. Entries before that are done.
  @inline(__always)
  static func run<Entry: GrantBatchEntry & BitwiseCopyable>(
    _ call: inout Hypercall, initial: Entry, units: Int32 = 2, settle: () -> Void = {},
    _ body: (inout Entry) -> GrantStatus
  ) throws(XenError) -> HypercallOutcome {
    let count = try count(call)
    var address = call.address(1)
    var done = 0
    while done < count {
      do {
        try one(address, initial, body)
      } catch {
        settle()
        throw error
      }
      done &+= 1
      address = address + UInt64(MemoryLayout<Entry>.stride)
      if done & (chunk &- 1) == 0 { settle() }
      Stretch.spend(units)
      if done < count && Stretch.isOver {
        settle()
        return call.again(.grants, from: address, left: UInt64(count &- done))
      }
    }
    settle()
    return .success
  }

  @inline(__always)
  static func one<Entry: GrantBatchEntry & BitwiseCopyable>(
    _ address: LinearAddress, _ initial: Entry, _ body: (inout Entry) -> GrantStatus
  ) throws(XenError) {
    var entry = try GuestMemory.fetch(address, initial: initial)
    let status = body(&entry)
    if Entry.hasResults {
      entry.status = status.rawValue
      try GuestMemory.put(address, entry)
    } else {
      try GuestMemory.put(address + UInt64(Entry.statusOffset), status.rawValue)
    }
  }
}

extension Ref where T == Domain {
  /// The domain whose grant this one names by a number: any that exists.
  ///
  /// - Throws: `badDomain`.
  @inline(__always)
  func granter(_ raw: UInt16) throws(GrantStatus) -> Ref<Domain> {
    let id = DomainID(raw)
    if id == .current { return self }
    guard let granter = Hypervisor.domain(id) else { throw .badDomain }
    return granter
  }
}

extension Hypercall {
  /// The domain whose table is meant: the caller's own, or another one's that it controls.
  ///
  /// - Throws: `permissionDenied`, `badDomain`.
  func grantTarget(_ raw: UInt16) throws(GrantStatus) -> Ref<Domain> {
    do { return try target(raw) } catch { throw error == .notPermitted ? .permissionDenied : .badDomain }
  }

  /// For the operations that are not batches.
  ///
  /// - Throws: `invalid` unless the count is one.
  func requireSingleEntry() throws(XenError) {
    guard UInt32(truncatingIfNeeded: arguments[2]) == 1 else { throw .invalid }
  }
}
