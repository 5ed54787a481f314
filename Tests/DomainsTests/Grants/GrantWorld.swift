// SPDX-License-Identifier: Apache-2.0
// A simulated machine with domains that grant and map, whose counts are looked at before and after.
import CXenABI
import Frames
import Machine
import SimulatedMachine
import XenABI

@testable import Domains

/// The machine of one test.
final class GrantWorld {
  let machine: SimulatedMachine
  private(set) var guests: [Guest] = []

  /// Runs `body` in a fresh machine, as its CPU 0.
  static func run<R>(_ body: (GrantWorld) throws -> R) rethrows -> R {
    try SimulatedMachine.run(MachinePlan(frames: 8192)) { try body(GrantWorld($0)) }
  }

  private init(_ machine: SimulatedMachine) { self.machine = machine }

  /// A new listed domain.
  @discardableResult
  func guest(_ id: UInt16, isPrivileged: Bool = false, limits: GrantLimits = GrantLimits()) -> Guest {
    let guest = Guest(machine, id, isPrivileged: isPrivileged, limits: limits)
    guests.append(guest)
    return guest
  }

  /// References and uses of every frame, to be compared: nothing may be left behind.
  func counts() -> [UInt64] {
    (0..<machine.frames).flatMap { number in
      let frame = MachineFrame(number)
      return [ledger[].count(frame), ledger[].type(frame).count, UInt64(ledger[].owner(frame).raw)]
    }
  }

  /// Whether references and uses are as they were, but for frames that the hypervisor has taken for its tables since: those
  /// have no counts.
  func isUnchanged(since before: [UInt64]) -> Bool {
    let now = counts()
    for frame in stride(from: 0, to: now.count, by: 3) {
      let isFree = now[frame] == 0 && now[frame + 1] == 0 && before[frame] == 0
      if !isFree && now[frame..<frame + 3] != before[frame..<frame + 3] { return false }
    }
    return true
  }

  /// The first broken rule of any table, and whether all pins have a mapping (G4).
  func brokenRule() -> String? {
    var pins = 0
    var mapped = 0
    for guest in guests {
      guest.domain[].grants.withLock { table in
        pins += table.pinCount
        for handle in 0..<table.maptrack.count {
          guard let entry = table.maptrack.mapping(handle) else { continue }
          mapped += (entry.flags.contains(.hostMap) ? 1 : 0) + (entry.flags.contains(.deviceMap) ? 1 : 0)
        }
      }
      if let broken = guest.domain[].grants.withLock({ table in table.brokenRule() }) { return "\(broken)" }
    }
    return pins == mapped ? nil : "G4: \(pins) pins, \(mapped) halves of mappings"
  }
}

/// A domain that makes grant operations with their entries in its argument pages.
final class Guest: SimulatedGuest {
  /// Its number as grants name it.
  let number: UInt16
  /// Frames that are not mapped anywhere.
  private(set) lazy var spare: [MachineFrame] = (0..<4).map { _ in frame() }
  /// The frames of the data pages.
  var pages: [MachineFrame] { dataFrames }

  init(_ machine: SimulatedMachine, _ number: UInt16, isPrivileged: Bool, limits: GrantLimits) {
    self.number = number
    super.init(machine, number, isPrivileged: isPrivileged, frameLimit: 64, grantLimits: limits)
    _ = spare
  }

  /// Makes a grant operation of raw arguments, to its end. The result is what the guest finds in rax.
  func operate(_ command: UInt64, _ address: UInt64, _ count: UInt64) -> Int64 {
    call(__HYPERVISOR_grant_table_op, command, address, count)
  }

  /// Writes entries to the argument pages.
  func put<Entry>(_ entries: [Entry], at offset: Int = 0) {
    for (index, entry) in entries.enumerated() {
      withUnsafeBytes(of: entry) { bytes in
        for (byte, value) in bytes.enumerated() {
          let at = offset + index * MemoryLayout<Entry>.stride + byte
          PhysicalWindow.store8(argumentFrames[at >> 12], byte: at & 4095, value)
        }
      }
    }
  }

  /// Reads entries from there.
  func get<Entry>(_ initial: Entry, count: Int, at offset: Int = 0) -> [Entry] {
    (0..<count).map { index in
      var entry = initial
      withUnsafeMutableBytes(of: &entry) { bytes in
        for byte in bytes.indices {
          let at = offset + index * MemoryLayout<Entry>.stride + byte
          bytes[byte] = PhysicalWindow.load8(argumentFrames[at >> 12], byte: at & 4095)
        }
      }
      return entry
    }
  }

  /// Runs a sub-operation over entries and gives them back as they are afterwards.
  func run<Entry>(_ operation: GrantOperation, _ entries: [Entry]) -> (Int64, [Entry]) {
    put(entries)
    let result = operate(UInt64(operation.rawValue), Guest.arguments, UInt64(entries.count))
    return (result, get(entries[0], count: entries.count))
  }
}
