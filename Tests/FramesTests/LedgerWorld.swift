// SPDX-License-Identifier: Apache-2.0
// A small simulated machine with nothing but memory and a ledger.
import SimulatedMachine
import XenABI

@testable import Frames
@testable import Machine

/// The machine of one test.
final class LedgerWorld {
  static let frames: UInt64 = 768
  /// Frames that no RAM stands behind: device memory.
  static let devices: UInt64 = 8
  let root: MachineFrame
  let tally: LedgerTally
  let held: LedgerTally
  var ledger: Ref<FrameLedger> { Ref<FrameLedger>.shared }

  static func run<R>(_ body: (LedgerWorld) throws -> R) rethrows -> R {
    try MachineTurn.take { try body(LedgerWorld()) }
  }

  private init() {
    var layout = SimulatedMemory(frames: LedgerWorld.frames)
    root = layout.take()
    // The region's entries, as boot makes them: anything but zero.
    for slot in HypervisorSpace.firstSlot..<HypervisorSpace.endSlot {
      PhysicalWindow.store(root, word: slot, root.physical | PTE.present | UInt64(slot) << 52)
    }
    let room = LedgerTally.framesNeeded(for: LedgerWorld.frames)
    tally = LedgerTally(storage: layout.take(room), frames: LedgerWorld.frames)
    held = LedgerTally(storage: layout.take(room), frames: LedgerWorld.frames)
    layout.finish(devices: LedgerWorld.devices)
    for domain: UInt16 in [1, 2] { ledger[].accounts.setLimit(DomainID(domain), 1 << 20) }
  }

  func rules(_ owner: UInt16 = 1, frames: UInt16? = nil, mayMapDevices: Bool = false) -> EntryRules {
    EntryRules(
      tableOwner: DomainID(owner), frameOwner: DomainID(frames ?? owner), mayMapDevices: mayMapDevices,
      physicalBits: 40,
      hypervisorRoot: root)
  }

  // The ledger's questions, in a form that test expectations can take apart.
  func count(_ frame: MachineFrame) -> UInt64 { ledger[].count(frame) }
  func type(_ frame: MachineFrame) -> TypeWord { ledger[].type(frame) }
  func owner(_ frame: MachineFrame) -> DomainID { ledger[].owner(frame) }
  func take(_ frame: MachineFrame, _ owner: UInt16 = 1) -> Bool { ledger[].take(frame, owner: DomainID(owner)) }
  func takeWritable(_ frame: MachineFrame, _ owner: UInt16 = 1) -> Bool {
    ledger[].takeWritable(frame, owner: DomainID(owner))
  }
  func useDescriptors(_ frame: MachineFrame, _ owner: UInt16 = 1) throws(XenError) {
    try ledger[].useDescriptors(frame, owner: DomainID(owner))
  }
  func updateDescriptor(_ frame: MachineFrame, _ index: Int, _ value: UInt64) throws(XenError) {
    try ledger[].updateDescriptor(frame, index, value, owner: DomainID(1))
  }
  func transfer(_ frame: MachineFrame, _ old: UInt16, _ new: UInt16) -> Bool {
    ledger[].transfer(frame, from: DomainID(old), to: DomainID(new))
  }
  func endAllocation(_ frame: MachineFrame, _ owner: UInt16 = 1) -> Bool {
    ledger[].endAllocation(frame, owner: DomainID(owner))
  }
  var freeFrames: UInt64 { ledger[].freeFrames }
  func owned(_ domain: UInt16) -> UInt64 { ledger[].accounts.owned(DomainID(domain)) }

  /// A cleared frame of a domain's.
  func frame(_ owner: UInt16 = 1) -> MachineFrame { ledger[].allocate(for: DomainID(owner))! }

  /// The first rule that does not hold, as text.
  func broken(nothingDies: Bool = true, isExact: Bool = true) -> String? {
    ledger[].firstBrokenRule(tally, hypervisorRoot: root, nothingDies: nothingDies, held: isExact ? held : nil)
      .map { "\($0.rule), frame \($0.frame.number)" }
  }
}

/// An entry that leads to a frame.
func entry(_ frame: MachineFrame, isWritable: Bool = false, _ more: UInt64 = 0) -> UInt64 {
  frame.physical | PTE.present | PTE.user | (isWritable ? PTE.writable : 0) | more
}

/// One domain's page-table work, as the domain's lock would keep it.
final class Tables {
  let world: LedgerWorld
  let id: UInt16
  var session = TableSession()
  /// How many units of work each stretch may take.
  var budget = 8192
  /// How often an operation was preempted.
  var preemptions = 0

  init(_ world: LedgerWorld, _ id: UInt16 = 1) {
    self.world = world
    self.id = id
  }

  /// Runs an operation until it is not preempted any more, then takes apart what it has left. Gives the error, if any.
  func toTheEnd(
    by rules: EntryRules? = nil, _ body: (inout TableSession) throws(XenError) -> Void
  ) -> XenError? {
    defer { drain() }
    for _ in 0..<100_000 {
      let error = once(by: rules, body)
      if error != .restart { return error }
      preemptions += 1
    }
    return .restart
  }

  /// Once only: what a guest that does not go on leaves behind.
  func once(
    by rules: EntryRules? = nil, _ body: (inout TableSession) throws(XenError) -> Void
  ) -> XenError? {
    stretch {
      do throws(XenError) {
        session.obey(rules ?? world.rules(id))
        try body(&session)
        return nil
      } catch { return error }
    }
  }

  /// Does something in a stretch of its own, which is over after as many units as `budget` says.
  func stretch<R>(_ body: () -> R) -> R {
    Stretch.begin()
    Simulation.stretchUnits = budget
    defer { Simulation.stretchUnits = nil }
    return body()
  }

  func drain() {
    for _ in 0..<100_000 {
      if stretch({ world.ledger[].drain(&session.work) }) { return }
      preemptions += 1
    }
    preconditionFailure("the queue does not get empty")
  }

  func pin(_ frame: MachineFrame, _ level: Int, _ rules: EntryRules? = nil) -> XenError? {
    toTheEnd(by: rules) { session throws(XenError) in try world.ledger[].pin(frame, level: level, &session) }
  }
  func unpin(_ frame: MachineFrame) -> XenError? {
    toTheEnd { session throws(XenError) in
      try world.ledger[].unpin(frame, owner: DomainID(id), &session.work)
    }
  }
  func use(_ frame: MachineFrame, _ level: Int) -> XenError? {
    toTheEnd { session throws(XenError) in try world.ledger[].use(frame, level: level, &session) }
  }
  func stopUsing(_ frame: MachineFrame) {
    world.ledger[].stopUsing(frame, &session.work)
    drain()
  }
  func update(_ table: MachineFrame, _ index: Int, _ value: UInt64, _ rules: EntryRules? = nil) -> XenError? {
    toTheEnd(by: rules) { session throws(XenError) in
      try world.ledger[].updateEntry(EntryChange(table, index, to: value), &session)
    }
  }
}
