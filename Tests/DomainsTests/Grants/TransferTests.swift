// SPDX-License-Identifier: Apache-2.0
// Frames that change their owner by a grant entry, and those that may not.
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains

extension GrantTests {
  @Suite struct Transferring {
    func transfer(_ giver: Guest, _ frame: MachineFrame, _ to: UInt16, _ reference: UInt32) -> GrantStatus? {
      let entry = TransferEntry(mfn: UInt(frame.number), domid: to, ref: reference, status: 0x77)
      let (result, entries) = giver.run(.transfer, [entry])
      #expect(result == 0)
      return GrantStatus(rawValue: entries[0].status)
    }

    /// A transfer asks other CPUs to flush: nobody waits for it at a lock meanwhile.
    @Test func noLockIsHeldOverTheFlush() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        CPUs.setStarted(2)
        CPUs.setOnline(1, true)
        defer {
          CPUs.setOnline(1, false)
          CPUs.setStarted(1)
        }
        ledger[].accounts.startTranslating(DomainID(1), cpu: 1)
        b.grant1(8, flags: GrantEntryFlag.acceptTransfer, to: 1, 0x123)
        let sent = Simulation.interruptsSent
        #expect(transfer(a, a.spare[0], 2, 8) == .okay)
        #expect(Simulation.interruptsSent > sent)
        for rank in [LockRank.grantTable, .pageTables] {
          let isHeld = Simulation.takeHeldWhileFlushing(rank)
          #expect(!isHeld)
        }
        // Nor when a mapping takes the place of a page that has been used.
        a.permit(9, to: 2, a.spare[1])
        ledger[].accounts.startTranslating(DomainID(2), cpu: 1)
        PhysicalWindow.store(
          b.slotTable, word: 0, b.spare[0].physical | PTE.present | PTE.user | PTE.accessed)
        let isTaken = ledger[].take(b.spare[0], owner: DomainID(2))
        #expect(isTaken)
        #expect(b.map([.hostMap], 9, of: 1, at: b.slot(0)).status == 0)
        let isHeld = Simulation.takeHeldWhileFlushing(.pageTables)
        #expect(!isHeld)
      }
    }

    @Test(arguments: [UInt32(1), 2]) func framesChangeHands(version: UInt32) {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        let numbers = Ref<Hypervisor>.shared[].machineToPhysical
        #expect(b.setVersion(version) == 0)
        func accept(
          _ reference: UInt32, _ flags: UInt32 = GrantEntryFlag.acceptTransfer, from: UInt16 = 1, slot: UInt64
        ) {
          if version == 1 {
            b.grant1(reference, flags: flags, to: from, slot)
          } else {
            b.grant2(reference, flags: flags, to: from, slot)
          }
        }
        accept(8, slot: 0x123)
        let frame = a.spare[0]
        numbers.store(frame, 0x55)
        let (given, taken) = (ledger[].accounts.owned(DomainID(1)), ledger[].accounts.owned(DomainID(2)))
        #expect(transfer(a, frame, 2, 8) == .okay)
        #expect(ledger[].owner(frame) == DomainID(2) && ledger[].count(frame) == 1 && numbers.load(frame) == 0x123)
        #expect(ledger[].accounts.owned(DomainID(1)) == given - 1 && ledger[].accounts.owned(DomainID(2)) == taken + 1)
        let place = b.tableFrame(0)
        let flags = PhysicalWindow.load32(place, word: version == 1 ? 16 : 32)
        #expect(flags == 0x1_000e, "committed and completed")
        #expect(
          version == 1
            ? PhysicalWindow.load32(place, word: 17) == UInt32(frame.number)
            : PhysicalWindow.load(place, word: 17) == frame.number)

        // Not the caller's (any more), in use, or not there: it stays as it is.
        #expect(transfer(a, frame, 2, 8) == .badPage)
        #expect(transfer(a, a.pages[0], 2, 8) == .badPage)
        #expect(transfer(a, a.root, 2, 8) == .badPage)
        #expect(transfer(a, a.tableFrame(0), 2, 8) == .badPage)
        #expect(transfer(a, MachineFrame(UInt64.max >> 1), 2, 8) == .badPage)
        #expect(ledger[].count(a.pages[0]) == 2)
        a.permit(9, to: 2, a.spare[1], readOnly: true)
        let mapped = b.map([.hostMap, .readOnly], 9, of: 1, at: b.slot(0))
        #expect(transfer(a, a.spare[1], 2, 8) == .badPage)
        #expect(b.unmap(mapped.handle, b.slot(0)) == .okay)

        // Any other failure costs the caller the frame.
        func refused(_ index: Int, _ to: UInt16, _ reference: UInt32, _ status: GrantStatus) {
          let lost = a.spare[index]
          let owned = ledger[].accounts.owned(DomainID(1))
          numbers.store(lost, 0x66)
          #expect(transfer(a, lost, to, reference) == status)
          #expect(ledger[].accounts.owned(DomainID(1)) == owned - 1 && ledger[].count(lost) == 0)
          #expect(numbers.load(lost) == MachineToPhysical.invalid)
        }
        refused(1, 2, 8, .badReference)
        refused(2, 7, 8, .badDomain)
        accept(9, from: 3, slot: 0)
        refused(3, 2, 9, .badReference)
        #expect(world.brokenRule() == nil)
      }
    }

    @Test func limitsAndKindsOfEntries() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        b.grant1(8, flags: GrantEntryFlag.acceptTransfer, to: 1, 0)
        ledger[].accounts.setLimit(DomainID(2), ledger[].accounts.owned(DomainID(2)))
        #expect(transfer(a, a.spare[0], 2, 8) == .generalError)
        #expect(PhysicalWindow.load32(b.tableFrame(0), word: 16) == 0x1_0002, "not committed")
        b.permit(9, to: 1, b.spare[0])
        #expect(transfer(a, a.spare[1], 2, 9) == .badReference)
        #expect(transfer(a, a.spare[2], 2, 512) == .badReference)
        // To itself.
        ledger[].accounts.setLimit(DomainID(1), 64)
        a.grant1(8, flags: GrantEntryFlag.acceptTransfer, to: 1, 5)
        #expect(transfer(a, a.spare[3], 1, 8) == .okay)
        #expect(ledger[].owner(a.spare[3]) == DomainID(1) && ledger[].count(a.spare[3]) == 1)
        #expect(world.brokenRule() == nil)
      }
    }
  }
}
