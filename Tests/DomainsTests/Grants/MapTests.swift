// SPDX-License-Identifier: Apache-2.0
// Mapping and unmapping grants: entries, counts, handles, flushes, and each refusal.
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains

/// Everything about grants shares one simulated machine at a time.
@Suite(.serialized) struct GrantTests {}

extension GrantTests {
  @Suite struct Mapping {
    static let versions: [UInt32] = [1, 2]

    @Test(arguments: versions) func mapsAndUnmapsOfAnother(version: UInt32) {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        #expect(a.setVersion(version) == 0)
        let before = world.counts()
        let frame = a.spare[0]
        a.permit(10, to: 2, frame)
        let mapped = b.map([.hostMap], 10, of: 1, at: b.slot(3))
        #expect(mapped.status == 0)
        #expect(mapped.dev_bus_addr == frame.physical)
        let rights = PTE.present | PTE.writable | PTE.user | PTE.noExecute | PTE.grantMapping
        #expect(b.entry(3) == frame.physical | rights)
        #expect(a.marks(10) == GrantEntryFlag.reading | GrantEntryFlag.writing)
        #expect(ledger[].count(frame) == 2)
        #expect(ledger[].type(frame) == TypeWord(.writable, count: 1, flags: TypeWord.validated))
        #expect(world.brokenRule() == nil)
        #expect(!a.revoke(10))

        #expect(b.unmap(mapped.handle, b.slot(3)) == .okay)
        #expect(b.entry(3) == 0)
        #expect(a.marks(10) == 0)
        #expect(world.isUnchanged(since: before))
        #expect(world.brokenRule() == nil)
        #expect(a.revoke(10))
        #expect(b.unmap(mapped.handle, b.slot(3)) == .badHandle)
      }
    }

    @Test func mapsOwnGrantsByEitherName() {
      GrantWorld.run { world in
        let a = world.guest(1)
        a.permit(9, to: 1, a.pages[0])
        for name in [UInt16(1), DomainID.current.raw] {
          let mapped = a.map([.hostMap], 9, of: name, at: a.slot(0))
          #expect(mapped.status == 0)
          #expect(world.brokenRule() == nil)
          #expect(a.unmap(mapped.handle, a.slot(0)) == .okay)
        }
        #expect(ledger[].count(a.pages[0]) == 2)
      }
    }

    @Test func entriesSayWhatFlagsAskFor() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        a.permit(8, to: 2, a.spare[0])
        let base = a.spare[0].physical | PTE.present | PTE.user | PTE.noExecute | PTE.grantMapping
        let cases: [(GrantMapFlags, UInt64)] = [
          ([.hostMap], base | PTE.writable),
          ([.hostMap, .readOnly], base),
          ([.hostMap, .applicationMap], base | PTE.writable),
          ([.hostMap, GrantMapFlags(rawValue: 0x1_0000)], base | PTE.writable | 0x200),
          ([.hostMap, .readOnly, GrantMapFlags(rawValue: 0xffff_0000)], base | 0xe00),
          ([.hostMap, .deviceMap], base | PTE.writable),
        ]
        for (flags, entry) in cases {
          let mapped = b.map(flags, 8, of: 1, at: b.slot(1))
          #expect(mapped.status == 0)
          #expect(b.entry(1) == entry)
          #expect(b.unmap(mapped.handle, b.slot(1), bus: a.spare[0].physical) == .okay)
          #expect(world.brokenRule() == nil && a.marks(8) == 0)
        }
        let mapped = b.map([.hostMap, .containsPTE], 8, of: 1, at: b.slotEntry(5))
        #expect(mapped.status == 0 && b.entry(5) == base | PTE.writable)
        #expect(b.unmap(mapped.handle, b.slotEntry(5)) == .okay && b.entry(5) == 0)
      }
    }

    @Test(arguments: versions) func refusalsLeaveNothingBehind(version: UInt32) {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        let c = world.guest(3)
        #expect(a.setVersion(version) == 0)
        let table = a.root
        a.permit(8, to: 2, a.spare[0])
        a.permit(9, to: 2, a.spare[0], readOnly: true)
        a.permit(10, to: 3, a.spare[0])
        a.permit(11, to: 2, b.spare[0])
        a.permit(12, to: 2, table)
        a.permit(13, to: 2, MachineFrame(0xffff_ffff))
        a.permit(14, to: 2, MachineFrame(2))
        if version == 1 {
          a.grant1(15, flags: GrantEntryFlag.acceptTransfer, to: 2, 0)
          a.grant1(16, flags: GrantEntryFlag.transitive, to: 2, 0)
          a.grant1(17, flags: GrantEntryFlag.permitAccess | GrantEntryFlag.subPage, to: 2, a.spare[0].number)
        } else {
          a.grant2(15, flags: GrantEntryFlag.acceptTransfer, to: 2, 0)
          a.grant2(16, flags: GrantEntryFlag.transitive, to: 2, upper: 1, 8)
          a.grant2(17, flags: GrantEntryFlag.permitAccess | GrantEntryFlag.subPage, to: 2, upper: 16, a.spare[0].number)
          a.permit(18, to: 2, MachineFrame(UInt64.max))
        }
        // One to make the frames that handles live in.
        let first = b.map([.hostMap], 8, of: 1, at: b.slot(0))
        #expect(b.unmap(first.handle, b.slot(0)) == .okay)
        let before = world.counts()
        let two = version == 2
        let cases: [(GrantMapFlags, UInt32, UInt16, UInt64, GrantStatus)] = [
          ([], 8, 1, b.slot(0), .badReference),
          ([.readOnly], 8, 1, b.slot(0), .badReference),
          ([.hostMap], 7, 1, b.slot(0), .generalError),
          ([.hostMap], two ? 256 : 512, 1, b.slot(0), .badReference),
          ([.hostMap], UInt32.max, 1, b.slot(0), .badReference),
          ([.hostMap], 8, 4, b.slot(0), .badDomain),
          ([.hostMap], 8, 0x7fff, b.slot(0), .badDomain),
          ([.hostMap], 8, 0xffff, b.slot(0), .badDomain),
          ([.hostMap], 9, 1, b.slot(0), .generalError),
          ([.hostMap], 10, 1, b.slot(0), .generalError),
          ([.hostMap], 11, 1, b.slot(0), .generalError),
          ([.hostMap], 12, 1, b.slot(0), .generalError),
          ([.hostMap], 13, 1, b.slot(0), .generalError),
          ([.hostMap], 14, 1, b.slot(0), .generalError),
          ([.hostMap], 15, 1, b.slot(0), .generalError),
          ([.hostMap], 16, 1, b.slot(0), two ? .badReference : .generalError),
          ([.hostMap], 17, 1, b.slot(0), two ? .badReference : .generalError),
          ([.hostMap, .readOnly], 18, 1, b.slot(0), .generalError),
          ([.hostMap], 8, 1, b.slot(0) + 8, .badAddress),
          ([.hostMap], 8, 1, 0x4000_0000, .badAddress),
          ([.hostMap], 8, 1, 0xffff_8300_0000_0000, .badAddress),
          ([.hostMap], 8, 1, 0x0000_8000_0000_0000, .badAddress),
          ([.hostMap], 8, 1, UInt64.max, .badAddress),
          ([.hostMap, .containsPTE], 8, 1, b.slotEntry(0) + 4, .badAddress),
          ([.hostMap, .containsPTE], 8, 1, b.root.physical, .badAddress),
          ([.hostMap, .containsPTE], 8, 1, b.pages[0].physical, .badAddress),
          ([.hostMap, .containsPTE], 8, 1, a.slotEntry(0), .badAddress),
          ([.hostMap, .containsPTE], 8, 1, UInt64.max & ~7, .badAddress),
        ]
        for (flags, reference, granter, address, status) in cases {
          let mapped = b.map(flags, reference, of: granter, at: address)
          #expect(GrantStatus(rawValue: mapped.status) == status, "ref \(reference) of d\(granter) at \(address)")
          #expect(world.brokenRule() == nil)
        }
        #expect(world.isUnchanged(since: before))
        // The grantee is who calls.
        #expect(c.map([.hostMap], 8, of: 1, at: c.slot(0)).status == GrantStatus.generalError.rawValue)
      }
    }

    @Test func readersAndWritersOfOneGrant() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        let frame = a.spare[0]
        a.permit(8, to: 2, frame)
        let reader = b.map([.hostMap, .readOnly], 8, of: 1, at: b.slot(0))
        #expect(a.marks(8) == GrantEntryFlag.reading)
        #expect(ledger[].count(frame) == 2 && ledger[].type(frame).count == 0)
        let writer = b.map([.hostMap, .deviceMap], 8, of: 1, at: b.slot(1))
        #expect(a.marks(8) == GrantEntryFlag.reading | GrantEntryFlag.writing)
        #expect(ledger[].count(frame) == 3 && ledger[].type(frame).count == 1)
        #expect(world.brokenRule() == nil)
        // The guest takes the right to write away: what is mapped stays, more is refused.
        a.grant1(8, flags: 0x1d, to: 2, frame.number)
        let another = b.map([.hostMap], 8, of: 1, at: b.slot(2))
        #expect(another.status == 0, "a right that is in use needs no second look")
        #expect(b.unmap(another.handle, b.slot(2)) == .okay)
        // Halves end one by one.
        #expect(b.unmap(writer.handle, b.slot(1)) == .okay)
        #expect(ledger[].type(frame).count == 1)
        #expect(b.unmap(writer.handle, b.slot(1), bus: frame.physical + 4096) == .badDeviceAddress)
        #expect(b.unmap(writer.handle, 0, bus: frame.physical) == .okay)
        #expect(b.unmap(writer.handle, 0, bus: frame.physical) == .badHandle)
        #expect(a.marks(8) == GrantEntryFlag.reading && ledger[].type(frame).count == 0)
        let late = b.map([.hostMap], 8, of: 1, at: b.slot(2))
        #expect(late.status == GrantStatus.generalError.rawValue)
        #expect(a.marks(8) == GrantEntryFlag.reading)
        #expect(b.unmap(reader.handle, b.slot(0)) == .okay)
        #expect(a.marks(8) == 0 && ledger[].count(frame) == 1)
        #expect(world.brokenRule() == nil)
      }
    }

    /// XSA-224's kind: handles and entries must agree in more than the frame.
    @Test func handlesDoNotEndOthersMappings() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        let frame = a.spare[0]
        a.permit(8, to: 2, frame)
        a.permit(9, to: 2, frame, readOnly: true)
        a.permit(10, to: 2, a.spare[1])
        let writer = b.map([.hostMap], 8, of: 1, at: b.slot(0))
        let reader = b.map([.hostMap, .readOnly], 9, of: 1, at: b.slot(1))
        let other = b.map([.hostMap], 10, of: 1, at: b.slot(2))
        #expect(b.unmap(reader.handle, b.slot(0)) == .badAddress)
        #expect(b.unmap(writer.handle, b.slot(1)) == .badAddress)
        #expect(b.unmap(writer.handle, b.slot(2)) == .badAddress)
        #expect(b.unmap(writer.handle, b.slot(3)) == .badAddress)
        // An ordinary mapping is not a grant's, even of the same frame.
        #expect(b.unmap(other.handle, Guest.data) == .badAddress)
        // Addresses of zero are ignored, and nothing ends.
        #expect(b.unmap(writer.handle, 0) == .okay)
        #expect(b.unmap(writer.handle, b.slot(0)) == .okay)
        #expect(b.unmap(reader.handle, b.slot(1)) == .okay)
        #expect(b.unmap(other.handle, b.slot(2)) == .okay)
        #expect(b.unmap(99, b.slot(0)) == .badHandle)
        #expect(b.unmap(UInt32.max, b.slot(0)) == .badHandle)
        #expect(world.brokenRule() == nil)
      }
    }

    @Test func doesNotOverwriteGrantsButOrdinaryMappings() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        a.permit(8, to: 2, a.spare[0])
        let first = b.map([.hostMap], 8, of: 1, at: b.slot(0))
        #expect(b.map([.hostMap], 8, of: 1, at: b.slot(0)).status == GrantStatus.badAddress.rawValue)
        #expect(ledger[].count(b.pages[7]) == 2)
        let over = b.map([.hostMap], 8, of: 1, at: Guest.data + 0x7000)
        #expect(over.status == 0)
        #expect(ledger[].count(b.pages[7]) == 1 && ledger[].type(b.pages[7]).count == 0)
        #expect(b.unmap(over.handle, Guest.data + 0x7000) == .okay)
        #expect(b.unmap(first.handle, b.slot(0)) == .okay)
        #expect(world.brokenRule() == nil)
      }
    }

    @Test func flushesOnlyForWhatWasUsed() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        ledger[].accounts.startTranslating(DomainID(2), cpu: 0)
        a.permit(8, to: 2, a.spare[0])
        let unused = b.map([.hostMap], 8, of: 1, at: b.slot(0))
        let start = flushes
        #expect(b.unmap(unused.handle, b.slot(0)) == .okay)
        #expect(flushes == start)
        let used = (0..<40).map { b.map([.hostMap], 8, of: 1, at: b.slot($0)) }
        for slot in 0..<40 { PhysicalWindow.fetchOr(b.slotTable, word: slot, PTE.accessed) }
        let entries = used.enumerated().map { b.unmapEntry($1.handle, b.slot($0)) }
        let (result, after) = b.run(.unmapGrantRef, entries)
        #expect(result == 0 && after.allSatisfy { $0.status == 0 })
        #expect(flushes == start + 3, "once for each sixteen")
        #expect(world.brokenRule() == nil && a.marks(8) == 0)
      }
    }

    /// The accessed bit decides about flushes, so a guest must not be able to clear it.
    @Test func guestsCannotHideUse() throws {
      try GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        a.permit(8, to: 2, a.spare[0])
        let mapped = b.map([.hostMap], 8, of: 1, at: b.slot(0))
        let clean = b.entry(0)
        PhysicalWindow.fetchOr(b.slotTable, word: 0, PTE.accessed)
        let rules = EntryRules(
          tableOwner: DomainID(2), frameOwner: DomainID(2), mayMapDevices: false, physicalBits: 40,
          hypervisorRoot: b.root)
        try b.domain.changingTables(by: rules) { session in
          _ = try ledger[].updateEntry(EntryChange(b.slotTable, 0, to: clean), &session)
        }
        #expect(b.entry(0) & PTE.accessed != 0)
        #expect(b.unmap(mapped.handle, b.slot(0)) == .okay)
      }
    }

    @Test func replacesByAnotherMapping() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        a.permit(8, to: 2, a.spare[0])
        func replace(_ handle: UInt32, _ host: UInt64, _ new: UInt64) -> GrantStatus? {
          let entry = ReplaceGrantEntry(host_addr: host, new_addr: new, handle: handle, status: 0x77)
          return GrantStatus(rawValue: b.run(.unmapAndReplace, [entry]).1[0].status)
        }
        let ordinary = PhysicalWindow.load(MachineFrame(physical: b.lowEntry(7)), word: Guest.argumentPages + 7)
        let first = b.map([.hostMap], 8, of: 1, at: b.slot(0))
        #expect(replace(first.handle, b.slot(0), 0x4000_0000) == .badAddress)
        #expect(replace(first.handle, b.slot(0), b.slot(0)) == .badAddress)
        #expect(replace(first.handle, b.slot(1), Guest.data + 0x7000) == .badAddress)
        #expect(replace(first.handle, b.slot(0), Guest.data + 0x7000) == .okay)
        #expect(b.entry(0) == ordinary && ordinary & PTE.present != 0)
        #expect(PhysicalWindow.load(MachineFrame(physical: b.lowEntry(7)), word: Guest.argumentPages + 7) == 0)
        #expect(ledger[].count(b.pages[7]) == 2 && ledger[].type(b.pages[7]).count == 1)
        let second = b.map([.hostMap], 8, of: 1, at: b.slot(1))
        #expect(replace(second.handle, b.slot(1), 0) == .okay && b.entry(1) == 0)
        let third = b.map([.hostMap, .containsPTE], 8, of: 1, at: b.slotEntry(2))
        #expect(replace(third.handle, b.slotEntry(2), Guest.data) == .generalError)
        #expect(replace(third.handle, b.slotEntry(2), 0) == .okay && b.entry(2) == 0)
        #expect(replace(third.handle, b.slotEntry(2), 0) == .badHandle)
        #expect(world.brokenRule() == nil && a.marks(8) == 0)
      }
    }

    @Test func limitsOfHandlesAndPins() {
      GrantWorld.run { world in
        let a = world.guest(1)
        let b = world.guest(2, limits: GrantLimits(maptrackFrames: 1))
        let c = world.guest(3, limits: GrantLimits(maptrackFrames: 0))
        a.permit(8, to: 2, a.spare[0])
        a.permit(9, to: 2, a.spare[0])
        a.permit(10, to: 2, a.spare[0])
        var handles: [UInt32] = []
        for reference in UInt32(8)...9 {
          for _ in 0..<127 {
            let mapped = b.map([.deviceMap], reference, of: 1, at: 0)
            #expect(mapped.status == 0)
            handles.append(mapped.handle)
          }
          let more = b.map([.deviceMap], reference, of: 1, at: 0)
          #expect(more.status == GrantStatus.noSpace.rawValue, "pins of one kind")
          #expect(world.brokenRule() == nil)
        }
        #expect(b.map([.deviceMap, .readOnly], 9, of: 1, at: 0).status == 0)
        #expect(b.map([.deviceMap], 10, of: 1, at: 0).status == 0)
        #expect(b.map([.deviceMap], 10, of: 1, at: 0).status == GrantStatus.noSpace.rawValue, "handles")
        #expect(Set(handles).count == 254)
        for handle in handles { #expect(b.unmap(handle, 0, bus: a.spare[0].physical) == .okay) }
        #expect(b.map([.deviceMap], 8, of: 1, at: 0).status == 0)
        #expect(world.brokenRule() == nil)
        a.permit(8, to: 3, a.spare[0])
        #expect(c.map([.deviceMap], 8, of: 1, at: 0).status == GrantStatus.noSpace.rawValue)
      }
    }
  }
}
