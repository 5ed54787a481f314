// SPDX-License-Identifier: Apache-2.0
// Grants against a model so simple that it can be seen to be right: lists of mappings, and nothing counted.
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains

/// What a domain has mapped, as a model keeps it.
struct ModelMapping {
  var handle: UInt32
  var granter: Int
  var reference: UInt32
  var frame: MachineFrame
  var isReadOnly: Bool
  var hostSlot: Int?
  var hasDevice: Bool
}

/// What a guest has written into an entry.
struct ModelGrant: Equatable {
  var grantee: Int
  var page: Int
  var isReadOnly: Bool
}

/// Some domains' grants.
struct Model {
  let guests: [Guest]
  var grants: [[UInt32: ModelGrant]]
  var mappings: [[ModelMapping]]

  init(_ guests: [Guest]) {
    self.guests = guests
    grants = guests.map { _ in [:] }
    mappings = guests.map { _ in [] }
  }

  func uses(of granter: Int, _ reference: UInt32) -> [(user: Int, mapping: ModelMapping)] {
    mappings.indices.flatMap { user in
      mappings[user].filter { $0.granter == granter && $0.reference == reference }.map { (user, $0) }
    }
  }

  /// The frame that a use would get, or why it would not.
  func result(_ user: Int, _ granter: Int, _ reference: UInt32, writing: Bool) -> (GrantStatus, MachineFrame?) {
    let now = uses(of: granter, reference)
    if let first = now.first {
      guard first.user == user else { return (.generalError, nil) }
      if writing && !now.contains(where: { !$0.mapping.isReadOnly }) {
        guard let grant = grants[granter][reference], grant.grantee == user, !grant.isReadOnly else {
          return (.generalError, nil)
        }
      }
      return (.okay, first.mapping.frame)
    }
    guard let grant = grants[granter][reference], grant.grantee == user, !(writing && grant.isReadOnly) else {
      return (.generalError, nil)
    }
    return (.okay, guests[granter].spare[grant.page])
  }

  /// What the ledger and the marks must say.
  func check(_ world: GrantWorld) {
    for (index, guest) in guests.enumerated() {
      for frame in guest.spare {
        let here = mappings.flatMap { $0 }.filter { $0.granter == index && $0.frame == frame }
        let readers = Set(here.filter(\.isReadOnly).map(\.reference)).count
        let writers = Set(here.filter { !$0.isReadOnly }.map(\.reference)).count
        precondition(ledger[].count(frame) == UInt64(1 + readers + writers), "references")
        precondition(ledger[].type(frame).count == UInt64(writers), "writable uses")
      }
      for reference in UInt32(8)..<11 {
        let now = uses(of: index, reference)
        var marks: UInt32 = now.isEmpty ? 0 : GrantEntryFlag.reading
        if now.contains(where: { !$0.mapping.isReadOnly }) { marks |= GrantEntryFlag.writing }
        precondition(guest.marks(reference) == marks, "marks")
      }
      for slot in 0..<4 {
        let mapping = mappings[index].first { $0.hostSlot == slot }
        let entry = guest.entry(slot)
        guard let mapping else {
          precondition(entry == 0, "an entry without a mapping")
          continue
        }
        precondition(
          entry & PTE.frameMask == mapping.frame.physical && entry & PTE.grantMapping != 0, "the entry's frame")
        precondition((entry & PTE.writable != 0) == !mapping.isReadOnly, "the entry's rights")
      }
    }
  }
}

/// One thing that may happen.
enum ModelStep {
  case grant(Int, UInt32, ModelGrant)
  case revoke(Int, UInt32)
  case map(Int, of: Int, UInt32, slot: Int?, device: Bool, readOnly: Bool)
  case unmap(Int, at: Int, host: Bool, device: Bool)
  case copy(Int, from: Int, UInt32, to: Int, UInt32)

  /// Does it, in the machine and in the model.
  func run(_ model: inout Model) {
    switch self {
    case .grant(let who, let reference, let grant):
      // An honest guest fills in free entries only.
      guard model.uses(of: who, reference).isEmpty else { return }
      let guest = model.guests[who]
      guest.permit(
        reference, to: model.guests[grant.grantee].number, guest.spare[grant.page], readOnly: grant.isReadOnly)
      model.grants[who][reference] = grant
    case .revoke(let who, let reference):
      let isFree = model.uses(of: who, reference).isEmpty
      if model.guests[who].version == 2 && !isFree { return }
      precondition(model.guests[who].revoke(reference) == isFree, "revoke")
      if isFree { model.grants[who][reference] = nil }
    case .map(let who, let granter, let reference, let slot, let device, let readOnly):
      let guest = model.guests[who]
      var flags: GrantMapFlags = readOnly ? [.readOnly] : []
      if slot != nil { flags.insert(.hostMap) }
      if device { flags.insert(.deviceMap) }
      let entry = guest.map(flags, reference, of: model.guests[granter].number, at: slot.map { guest.slot($0) } ?? 0)
      var (status, frame) = model.result(who, granter, reference, writing: !readOnly)
      if slot == nil && !device {
        status = .badReference
      } else if status == .okay, let slot, model.mappings[who].contains(where: { $0.hostSlot == slot }) {
        status = .badAddress
      }
      precondition(GrantStatus(rawValue: entry.status) == status, "map: \(entry.status), not \(status)")
      guard status == .okay, let frame else { return }
      precondition(entry.dev_bus_addr == frame.physical)
      model.mappings[who].append(
        ModelMapping(
          handle: entry.handle, granter: granter, reference: reference, frame: frame, isReadOnly: readOnly,
          hostSlot: slot,
          hasDevice: device))
    case .unmap(let who, let index, let host, let device):
      let guest = model.guests[who]
      guard index < model.mappings[who].count else {
        precondition(guest.unmap(1 << 20, guest.slot(0)) == .badHandle)
        return
      }
      let mapping = model.mappings[who][index]
      let slot = host ? guest.slot(mapping.hostSlot ?? 3) : 0
      precondition(guest.unmap(mapping.handle, slot, bus: device ? mapping.frame.physical : 0) == .okay, "unmap")
      if host { model.mappings[who][index].hostSlot = nil }
      if device { model.mappings[who][index].hasDevice = false }
      if model.mappings[who][index].hostSlot == nil && !model.mappings[who][index].hasDevice {
        model.mappings[who].remove(at: index)
      }
    case .copy(let who, let from, let source, let to, let target):
      let guest = model.guests[who]
      let (first, sourceFrame) = model.result(who, from, source, writing: false)
      var (status, targetFrame) = (first, MachineFrame?.none)
      if first == .okay {
        // The source is in use while the destination is looked at: that only matters if they are the same.
        (status, targetFrame) = model.result(who, to, target, writing: true)
      }
      let before = sourceFrame.map { PhysicalWindow.load($0, word: 5) }
      let result = guest.copy(
        .grant(source, model.guests[from].number), 40, .grant(target, model.guests[to].number), 48, 8)
      precondition(result == status, "copy: \(String(describing: result)), not \(status)")
      if status == .okay, let targetFrame { precondition(PhysicalWindow.load(targetFrame, word: 6) == before) }
    }
  }
}

extension GrantTests {
  @Suite struct Models {
    /// Ends all mappings, takes back all grants, and compares all counts.
    func clear(_ model: inout Model) {
      for who in model.guests.indices {
        while let mapping = model.mappings[who].last {
          ModelStep.unmap(
            who, at: model.mappings[who].count - 1, host: mapping.hostSlot != nil, device: mapping.hasDevice
          ).run(&model)
        }
      }
      for who in model.guests.indices {
        for reference in UInt32(8)..<11 { ModelStep.revoke(who, reference).run(&model) }
      }
    }

    /// All sequences of four out of twelve steps between two domains; of three in version 2, to save time.
    @Test(arguments: [UInt32(1), 2]) func everyShortSequence(version: UInt32) {
      GrantWorld.run { world in
        let guests = [world.guest(1), world.guest(2)]
        for guest in guests { #expect(guest.setVersion(version) == 0) }
        let writable = ModelGrant(grantee: 1, page: 0, isReadOnly: false)
        let readOnly = ModelGrant(grantee: 1, page: 0, isReadOnly: true)
        let steps: [ModelStep] = [
          .grant(0, 8, writable), .grant(0, 8, readOnly),
          .grant(0, 8, ModelGrant(grantee: 0, page: 0, isReadOnly: false)),
          .grant(0, 9, readOnly), .revoke(0, 8),
          .map(1, of: 0, 8, slot: 0, device: false, readOnly: false),
          .map(1, of: 0, 8, slot: 1, device: true, readOnly: true),
          .map(1, of: 0, 9, slot: 0, device: false, readOnly: true),
          .map(0, of: 0, 8, slot: 0, device: false, readOnly: false),
          .unmap(1, at: 0, host: true, device: false), .unmap(1, at: 0, host: false, device: true),
          .copy(1, from: 0, 8, to: 0, 8),
        ]
        var model = Model(guests)
        ModelStep.grant(0, 8, writable).run(&model)
        ModelStep.map(1, of: 0, 8, slot: 0, device: false, readOnly: false).run(&model)
        ModelStep.map(0, of: 1, 8, slot: 0, device: false, readOnly: false).run(&model)
        clear(&model)
        ModelStep.grant(0, 8, ModelGrant(grantee: 0, page: 0, isReadOnly: false)).run(&model)
        ModelStep.map(0, of: 0, 8, slot: 0, device: false, readOnly: false).run(&model)
        clear(&model)
        let before = world.counts()
        for first in steps {
          for second in steps {
            for third in steps {
              for fourth in version == 1 ? steps : [first] {
                for step in [first, second, third, fourth] { step.run(&model) }
                model.check(world)
                clear(&model)
              }
            }
            precondition(guests.allSatisfy { $0.domain[].grants.withLock { $0.entriesInUse == 0 } })
          }
        }
        model.check(world)
        #expect(world.isUnchanged(since: before))
        #expect(world.brokenRule() == nil)
      }
    }

    /// Long random sequences among three domains of both versions.
    @Test(arguments: 0..<4 as Range<UInt64>) func longRandomSequences(seed: UInt64) {
      GrantWorld.run { world in
        let guests = [world.guest(1), world.guest(2), world.guest(3)]
        for (index, guest) in guests.enumerated() {
          #expect(guest.setVersion(UInt32(1 + (Int(seed) >> index) % 2)) == 0)
        }
        var random = SeededGenerator(seed: seed)
        var model = Model(guests)
        func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
        func reference() -> UInt32 { UInt32(8 + pick(3)) }
        var before: [UInt64] = []
        for round in 0..<8_000 {
          let step: ModelStep
          switch pick(10) {
          case 0, 1:
            step = .grant(pick(3), reference(), ModelGrant(grantee: pick(3), page: pick(4), isReadOnly: pick(2) == 0))
          case 2: step = .revoke(pick(3), reference())
          case 3, 4, 5:
            step = .map(
              pick(3), of: pick(3), reference(), slot: pick(4) == 0 ? nil : pick(4), device: pick(2) == 0,
              readOnly: pick(2) == 0)
          case 6, 7: step = .unmap(pick(3), at: pick(4), host: pick(3) != 0, device: pick(3) != 0)
          default: step = .copy(pick(3), from: pick(3), reference(), to: pick(3), reference())
          }
          step.run(&model)
          model.check(world)
          if round % 1000 == 999 {
            precondition(world.brokenRule() == nil)
            clear(&model)
            // The first time round the tables have grown to what they need.
            if before.isEmpty { before = world.counts() }
            let isSame = world.isUnchanged(since: before)
            precondition(isSame)
          }
        }
      }
    }
  }
}
