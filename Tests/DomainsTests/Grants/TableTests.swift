// SPDX-License-Identifier: Apache-2.0
// A grant table as a whole: its size, its versions, swaps, queries.
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

extension GrantTests {
  @Suite struct Tables {
    static let list = Guest.arguments + 0x1000

    func setup(_ caller: Guest, _ dom: UInt16, _ frames: UInt32, list: UInt64 = list) -> (Int64, Int16) {
      let entry = SetupTableEntry(
        dom: dom, padding0: 0, nr_frames: frames, status: 0x77, padding1: 0, padding2: 0, frame_list: list)
      let (result, entries) = caller.run(.setupTable, [entry])
      return (result, entries[0].status)
    }
    func statusFrames(_ caller: Guest, _ dom: UInt16, _ frames: UInt32, list: UInt64 = list) -> (Int64, Int16) {
      let entry = StatusFramesEntry(nr_frames: frames, dom: dom, status: 0x77, frame_list: list)
      let (result, entries) = caller.run(.getStatusFrames, [entry])
      return (result, entries[0].status)
    }
    func query(_ caller: Guest, _ dom: UInt16) -> QuerySizeEntry {
      let (result, entries) = caller.run(
        .querySize,
        [QuerySizeEntry(dom: dom, padding0: 0xabcd, nr_frames: 9, max_nr_frames: 9, status: 0x77, padding1: 0x1234)])
      #expect(result == 0)
      #expect(entries[0].padding0 == 0xabcd && entries[0].padding1 == 0x1234)
      return entries[0]
    }

    @Test func setupGrowsAndTellsFrames() {
      GrantWorld.run { world in
        let control = world.guest(0, isPrivileged: true)
        let a = world.guest(1, limits: GrantLimits(frames: 5))
        #expect(query(a, 0x7ff0).nr_frames == 1 && query(a, 0x7ff0).max_nr_frames == 5)
        #expect(setup(a, 0x7ff0, 3) == (0, 0))
        let frames = a.get(UInt64(0), count: 3, at: 0x1000)
        #expect(Set(frames).count == 3)
        for (index, number) in frames.enumerated() {
          let frame = MachineFrame(number)
          #expect(frame == a.tableFrame(index) && ledger[].owner(frame) == DomainID(1) && ledger[].isShared(frame))
          #expect((0..<512).allSatisfy { PhysicalWindow.load(frame, word: $0) == 0 })
        }
        #expect(setup(a, 1, 2) == (0, 0))
        #expect(query(a, 1).nr_frames == 3)
        #expect(setup(a, 0x7ff0, 0) == (0, 0))
        #expect(setup(a, 0x7ff0, 6) == (0, GrantStatus.generalError.rawValue))
        #expect(setup(a, 0x7ff0, UInt32.max) == (0, GrantStatus.generalError.rawValue))
        #expect(setup(a, 0x7ff0, 5, list: 0x4000_0000) == (0, GrantStatus.badAddress.rawValue))
        #expect(setup(a, 0x7ff0, 5, list: UInt64.max - 3) == (0, GrantStatus.badAddress.rawValue))
        #expect(setup(a, 0, 1) == (0, GrantStatus.permissionDenied.rawValue))
        #expect(setup(control, 1, 5) == (0, 0))
        #expect(setup(control, 9, 1) == (0, GrantStatus.badDomain.rawValue))
        #expect(setup(control, 0x7ff4, 1) == (0, GrantStatus.badDomain.rawValue))
        #expect(query(a, 0).status == GrantStatus.permissionDenied.rawValue)
        #expect(query(control, 9).status == GrantStatus.badDomain.rawValue)
        #expect(query(control, 1).nr_frames == 5)
        // Toolstack's way in.
        a.domain[].grants.withLock { table in
          #expect(table.frame(ofTableIndex: 5) == nil && table.frame(ofTableIndex: UInt64.max) == nil)
          #expect(table.frame(ofTableIndex: 4) != nil && table.frame(ofStatusIndex: 0) == nil)
        }
        #expect(world.brokenRule() == nil)
      }
    }

    @Test func statusFramesOfVersion2() {
      GrantWorld.run { world in
        let control = world.guest(0, isPrivileged: true)
        let a = world.guest(1)
        #expect(statusFrames(a, 0x7ff0, 1) == (0, GrantStatus.generalError.rawValue))
        #expect(a.setVersion(2) == 0)
        #expect(setup(a, 0x7ff0, 9) == (0, 0))
        #expect(statusFrames(a, 0x7ff0, 2) == (0, 0))
        #expect(Set(a.get(UInt64(0), count: 2, at: 0x1000)).count == 2)
        #expect(statusFrames(a, 0x7ff0, 3) == (0, GrantStatus.generalError.rawValue))
        #expect(statusFrames(a, 0, 1) == (0, GrantStatus.permissionDenied.rawValue))
        #expect(statusFrames(control, 1, 1) == (0, 0))
        #expect(statusFrames(control, 3, 1) == (0, GrantStatus.badDomain.rawValue))
        #expect(statusFrames(a, 0x7ff0, 1, list: 0x4000_0000) == (0, GrantStatus.badAddress.rawValue))
        a.domain[].grants.withLock { table in
          #expect(table.frame(ofStatusIndex: 7) != nil && table.frameCount == 57)
          #expect(table.frame(ofStatusIndex: 8) == nil)
        }
        #expect(world.brokenRule() == nil)
      }
    }

    @Test func versionsChangeWhileNothingIsInUse() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        let limited = world.guest(3, limits: GrantLimits(highestVersion: 1))
        func version(_ wanted: UInt32, of guest: Guest = a) -> (Int64, UInt32) {
          let (result, entries) = guest.run(.setVersion, [SetVersionEntry(version: wanted)])
          return (result, entries[0].version)
        }
        #expect(version(0) == (-22, 1) && version(3) == (-22, 1) && version(UInt32.max) == (-22, 1))
        #expect(version(2, of: limited) == (-38, 1) && version(1, of: limited) == (0, 1))
        a.permit(1, to: 2, a.spare[0])
        a.grant1(2, flags: GrantEntryFlag.acceptTransfer | 8, to: 2, 77)
        a.grant1(3, flags: GrantEntryFlag.permitAccess | GrantEntryFlag.readOnly | 0x18, to: 2, 99)
        a.permit(8, to: 2, a.spare[1])
        let mapped = b.map([.hostMap], 1, of: 1, at: b.slot(0))
        #expect(version(2) == (-16, 1))
        #expect(b.unmap(mapped.handle, b.slot(0)) == .okay)
        #expect(version(2) == (0, 2) && version(2) == (0, 2))
        func word(_ index: Int) -> UInt64 { PhysicalWindow.load(a.tableFrame(0), word: index) }
        #expect(word(2) == 0x2_0001 && word(3) == a.spare[0].number)
        #expect(word(4) == 0x2_000a && word(5) == 77)
        #expect(word(6) == 0x2_0005 && word(7) == 99)
        #expect((8..<512).allSatisfy { word($0) == 0 })
        // Back: parts and transitive grants cannot be said, large numbers neither.
        a.grant2(4, flags: GrantEntryFlag.permitAccess | GrantEntryFlag.subPage, to: 2, upper: 4 << 16, 5)
        a.grant2(5, flags: GrantEntryFlag.transitive, to: 2, upper: 1, 1)
        a.grant2(6, flags: GrantEntryFlag.permitAccess, to: 2, 1 << 32)
        #expect(version(1) == (-34, 2))
        a.grant2(6, flags: GrantEntryFlag.permitAccess, to: 2, 0xffff_ffff)
        #expect(version(1) == (0, 1))
        #expect(word(1) == 0x2_0001 | a.spare[0].number << 32 && word(2) == 0x2_000a | 77 << 32)
        #expect(word(4) == 0 && word(5) == 0 && word(6) == 0xffff_ffff_0002_0001)
        // Again and again: nothing grows.
        let free = ledger[].freeFrames
        for _ in 0..<20 { #expect(version(2) == (0, 2) && version(1) == (0, 1)) }
        #expect(ledger[].freeFrames == free)
        #expect(world.brokenRule() == nil)
      }
    }

    /// Back to version 1 the status frames would mean nothing: not while somebody looks at them.
    @Test func aMappedStatusFrameKeepsVersion2() {
      GrantWorld.run { world in
        let a = world.guest(1)
        #expect(a.setVersion(2) == 0)
        guard let status = a.domain[].grants.withLock({ $0.frame(ofStatusIndex: 0) }) else { preconditionFailure() }
        for isWritable in [false, true] {
          #expect(
            isWritable
              ? ledger[].takeWritable(status, owner: a.domain[].id) : ledger[].take(status, owner: a.domain[].id))
          let (result, entries) = a.run(.setVersion, [SetVersionEntry(version: 1)])
          #expect((result, entries[0].version) == (-16, 2))
          #expect(a.setVersion(2) == 0)
          if isWritable { ledger[].dropWritable(status) } else { ledger[].drop(status) }
        }
        #expect(a.setVersion(1) == 0)
        #expect(world.brokenRule() == nil)
      }
    }

    @Test func versionIsTold() {
      GrantWorld.run { world in
        let control = world.guest(0, isPrivileged: true)
        let a = world.guest(1)
        func version(_ guest: Guest, _ dom: UInt16) -> (Int64, UInt32) {
          let (result, entries) = guest.run(.getVersion, [GetVersionEntry(dom: dom, pad: 0, version: 0x77)])
          return (result, entries[0].version)
        }
        #expect(version(a, 1) == (0, 1) && version(a, 0x7ff0) == (0, 1))
        #expect(a.setVersion(2) == 0)
        #expect(version(control, 1) == (0, 2) && version(a, 0) == (-1, 0x77) && version(control, 8) == (-3, 0x77))
      }
    }

    @Test(arguments: [UInt32(1), 2]) func swapsEntriesNotInUse(version: UInt32) {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        #expect(a.setVersion(version) == 0)
        a.permit(8, to: 2, a.spare[0])
        a.permit(9, to: 2, a.spare[1], readOnly: true)
        func swap(_ x: UInt32, _ y: UInt32) -> GrantStatus? {
          GrantStatus(rawValue: a.run(.swapGrantRef, [SwapGrantEntry(ref_a: x, ref_b: y, status: 0x77)]).1[0].status)
        }
        #expect(swap(8, 9) == .okay && swap(10, 8) == .okay && swap(9, 9) == .okay)
        let mapped = b.map([.hostMap], 9, of: 1, at: b.slot(0))
        #expect(mapped.status == 0 && mapped.dev_bus_addr == a.spare[0].physical)
        #expect(swap(9, 10) == .tryAgain && swap(10, 9) == .tryAgain && swap(9, 9) == .tryAgain)
        #expect(swap(8, 511) == (version == 1 ? .okay : .badReference) && swap(512, 9) == .badReference)
        #expect(b.unmap(mapped.handle, b.slot(0)) == .okay)
        #expect(b.map([.deviceMap, .readOnly], 10, of: 1, at: 0).dev_bus_addr == a.spare[1].physical)
        #expect(world.brokenRule() == nil)
      }
    }

    @Test func dumpsForThoseWhoControl() {
      GrantWorld.run { world in
        let control = world.guest(0, isPrivileged: true)
        let (a, b) = (world.guest(1), world.guest(2))
        a.permit(300, to: 2, a.spare[0])
        _ = b.map([.hostMap, .deviceMap], 300, of: 1, at: b.slot(0))
        func dump(_ guest: Guest, _ dom: UInt16) -> GrantStatus? {
          GrantStatus(rawValue: guest.run(.dumpTable, [DumpTableEntry(dom: dom, status: 0x77)]).1[0].status)
        }
        #expect(dump(control, 1) == .okay && dump(control, 7) == .badDomain && dump(control, 0x7ff0) == .okay)
        #expect(dump(a, 1) == .permissionDenied && dump(a, 0x7ff0) == .permissionDenied)

        let console = ledger[].allocateOwn(order: 1)!
        Ref<Console>.create(in: console, Console(port: nil, ring: console + 1, frames: 1)).publish()
        #expect(dump(a, 1) == .permissionDenied && dump(control, 1) == .okay)
        let count = Ref<Console>.shared[].lock.withLock { $0.produced }
        let shown = String(decoding: (0..<count).map { Ref<Console>.shared.byte(at: $0) }, as: UTF8.self)
        var lines: [String] = []
        a.domain[].grants.withLock { table in
          func text(_ line: borrowing TextLine) -> String {
            var bytes: [UInt8] = []
            line.forEach { bytes.append($0) }
            return String(decoding: bytes, as: UTF8.self)
          }
          var first = TextLine()
          table.writeSummary(to: &first)
          lines.append(text(first))
          var index = 0
          while true {
            var line = TextLine()
            guard let next = table.writeLine(from: index, to: &line) else { break }
            index = next
            lines.append(text(line))
          }
        }
        let frame = String(a.spare[0].number, radix: 16)
        #expect(
          lines == [
            "d1: grant table version 1, frames 1 of 64, grants in use 1, mappings of others' 0 of 262144",
            "  [300] for d2 frame \(frame) pins cpu ro 0 rw 1, device ro 0 rw 1",
          ])
        #expect(shown == lines.map { "(XEN) \($0)\n" }.joined())
      }
    }

    @Test func cacheFlushChecks() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        a.permit(8, to: 2, a.spare[0])
        let handles = (0..<300).map { index -> UInt32 in
          a.permit(UInt32(8 + index % 100), to: 2, a.spare[1])
          return b.map([.deviceMap, .readOnly], UInt32(8 + index % 100), of: 1, at: 0).handle
        }
        a.permit(200, to: 2, a.spare[0])
        let mapped = b.map([.deviceMap], 200, of: 1, at: 0)
        func flush(_ address: UInt64, _ op: UInt32, _ offset: UInt16 = 0, _ length: UInt16 = 4096) -> Int64 {
          b.run(.cacheFlush, [CacheFlushEntry(address: address, offset: offset, length: length, op: op)]).0
        }
        let good = a.spare[0].physical
        #expect(flush(good, 1) == 0 && flush(good, 0) == 0 && flush(good, 1, 4096, 0) == 0)
        #expect(flush(good, 2) == -95 && flush(good, 3) == -95 && flush(8, 0x8000_0001) == -95)
        #expect(flush(good, 4) == -22 && flush(good, 1, 1, 4096) == -22 && flush(good, 1, 65535, 65535) == -22)
        #expect(flush(b.pages[0].physical, 1) == -22 && flush(1 << 51, 1) == -3 && flush(0x1000, 1) == -3)
        #expect(flush(a.spare[2].physical, 1) == -1, "not mapped")
        #expect(b.unmap(mapped.handle, 0, bus: good) == .okay)
        #expect(flush(good, 1) == -1)
        let entries = (0..<300).map { _ in CacheFlushEntry(address: a.spare[1].physical, offset: 0, length: 8, op: 1) }
        #expect(b.run(.cacheFlush, entries).0 == 0)
        for handle in handles { #expect(b.unmap(handle, 0, bus: a.spare[1].physical) == .okay) }
      }
    }

    @Test func hypercallErrors() {
      GrantWorld.run { world in
        let a = world.guest(1)
        for command in [13, 14, 99, UInt64(UInt32.max)] { #expect(a.operate(command, Guest.arguments, 1) == -38) }
        for command in UInt64(0)...12 {
          let single = [2, 3, 6, 8, 9, 10].contains(command)
          #expect(a.operate(command, 0x4000_0000, 1) == -14, "nothing mapped: \(command)")
          #expect(a.operate(command, 0xffff_8300_0000_0000, 1) == -14, "the hypervisor's: \(command)")
          #expect(a.operate(command, UInt64.max - 7, 1) == -14, "wraps: \(command)")
          #expect(a.operate(command, 0x4000_0000, 0) == (single ? -22 : 0), "none: \(command)")
          #expect(a.operate(command, 0x4000_0000, 0x8000_0000) == -22, "negative: \(command)")
          #expect(a.operate(command, 0x4000_0000, 2) == (single ? -22 : -14), "two: \(command)")
        }
        // The upper half of the command is not part of it.
        a.put([GetVersionEntry(dom: 1, pad: 0, version: 0)])
        #expect(a.operate(0x7_0000_000a, Guest.arguments, 1) == 0)
      }
    }

    @Test func batchesStopAtFaultsAndGoOnAfterPreemption() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        a.permit(8, to: 2, a.spare[0], readOnly: true)
        a.permit(9, to: 2, a.spare[1], readOnly: true)
        // 512 entries end with the last argument page; data pages follow, so start where the last data page ends instead.
        let entries = (0..<512).map {
          b.mapEntry([.hostMap, .readOnly], UInt32(8 + $0 / 100 % 2), of: 1, at: b.slot($0))
        }
        b.put(entries)
        Simulation.stretchUnits = 100
        var preemptions = world.machine.preemptions
        #expect(b.operate(0, Guest.arguments, 512) == 0)
        #expect(world.machine.preemptions > preemptions)
        let done = b.get(MapGrantEntry(), count: 512)
        // 127 pins each: 100 + 100 of the first, 100 + 100 of the second, and so on.
        #expect(done.filter { $0.status == 0 }.count == 254)
        #expect(done.filter { $0.status == GrantStatus.noSpace.rawValue }.count == 258)
        #expect(world.brokenRule() == nil)
        b.put(done.enumerated().map { b.unmapEntry($1.status == 0 ? $1.handle : UInt32.max, b.slot($0)) })
        preemptions = world.machine.preemptions
        #expect(b.operate(1, Guest.arguments, 512) == 0)
        #expect(world.machine.preemptions > preemptions)
        let undone = b.get(UnmapGrantEntry(), count: 512)
        #expect(undone.filter { $0.status == 0 }.count == 254)
        #expect(undone.filter { $0.status == GrantStatus.badHandle.rawValue }.count == 258)
        #expect(world.brokenRule() == nil && a.marks(8) == 0 && a.marks(9) == 0)

        // The last data page ends the mapped range: the third entry lies beyond it.
        let last = b.pages[7]
        for index in 0..<2 {
          let entry = b.mapEntry([.hostMap], 8 + UInt32(index), of: 1, at: b.slot(index))
          withUnsafeBytes(of: entry) { bytes in
            for (byte, value) in bytes.enumerated() {
              PhysicalWindow.store8(last, byte: 4032 + index * 32 + byte, value)
            }
          }
        }
        a.permit(8, to: 2, a.spare[0])
        #expect(b.operate(0, Guest.data + 0x7000 + 4032, 3) == -14)
        #expect(world.brokenRule() == nil)
        #expect(b.entry(0) != 0 && b.entry(1) == 0, "done before the fault; the second is read-only")
        #expect(PhysicalWindow.load16(last, word: (4032 + 18) / 2) == 0)
        // A status that cannot be written, as the entry is in a page that is mapped read-only: what was taken out of the page
        // tables is settled all the same.
        let handle = PhysicalWindow.load32(last, word: (4032 + 20) / 4)
        PhysicalWindow.clear(a.spare[2])
        withUnsafeBytes(of: b.unmapEntry(handle, b.slot(0))) { bytes in
          for (byte, value) in bytes.enumerated() { PhysicalWindow.store8(a.spare[2], byte: byte, value) }
        }
        a.permit(10, to: 2, a.spare[2], readOnly: true)
        #expect(b.map([.hostMap, .readOnly], 10, of: 1, at: b.slot(9)).status == 0)
        #expect(b.operate(1, b.slot(9), 1) == -14)
        #expect(b.entry(0) == 0 && a.marks(8) == 0 && ledger[].count(a.spare[0]) == 1)
        #expect(world.brokenRule() == nil)
      }
    }
  }
}
