// SPDX-License-Identifier: Apache-2.0
// Copies between frames that are granted or the caller's own: what is copied, what is refused, what stays held.
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains

extension GrantTests {
  @Suite struct Copying {
    static let offsets = [0, 1, 7, 8, 100, 2048, 4088, 4095, 4096, 4097, 0xffff]
    static let lengths = [0, 1, 2, 8, 96, 2048, 4095, 4096, 4097, 0xffff]

    /// Every pair of kinds of sides with every corner of offsets and lengths, compared with bytes copied one by one.
    @Test(arguments: [UInt32(1), 2]) func cornersOfOffsetsAndLengths(version: UInt32) {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        #expect(a.setVersion(version) == 0)
        a.permit(8, to: 2, a.spare[0], readOnly: true)
        a.permit(9, to: 2, a.spare[1])
        let parts = version == 2
        if parts {
          // Bytes 8 to 2055 of each.
          let flags = GrantEntryFlag.permitAccess | GrantEntryFlag.subPage
          a.grant2(10, flags: flags | GrantEntryFlag.readOnly, to: 2, upper: 8 | 2048 << 16, a.spare[0].number)
          a.grant2(11, flags: flags, to: 2, upper: 8 | 2048 << 16, a.spare[1].number)
        }
        typealias Range = (start: Int, end: Int)
        var sources: [(Guest.Side, MachineFrame, Range)] = [
          (.frame(b.pages[0]), b.pages[0], (0, 4096)), (.grant(8, 1), a.spare[0], (0, 4096)),
          (.frame(b.pages[1]), b.pages[1], (0, 4096)),
        ]
        var targets: [(Guest.Side, MachineFrame, Range)] = [
          (.frame(b.pages[1], 2), b.pages[1], (0, 4096)), (.grant(9, 1), a.spare[1], (0, 4096)),
        ]
        if parts {
          sources.append((.grant(10, 1), a.spare[0], (8, 2056)))
          targets.append((.grant(11, 1), a.spare[1], (8, 2056)))
        }
        let before = world.counts()
        for (from, fromFrame, fromRange) in sources {
          for (to, toFrame, toRange) in targets {
            for (index, length) in Copying.lengths.enumerated() {
              fill(fromFrame, 3)
              fill(toFrame, 7)
              var expected = bytes(toFrame)
              for first in Copying.offsets {
                // Each length with a shifting half of the second offsets keeps the number down.
                for second in Copying.offsets where (second + first + index) % 2 == 0 {
                  let source = bytes(fromFrame)
                  let status = b.copy(from, first, to, second, length)
                  let wanted: GrantStatus
                  if first + length > 4096 || second + length > 4096 {
                    wanted = .badCopyArgument
                  } else if first < fromRange.start || first + length > fromRange.end || second < toRange.start
                    || second + length > toRange.end
                  {
                    wanted = .generalError
                  } else {
                    wanted = .okay
                    for byte in 0..<length { expected[second + byte] = source[first + byte] }
                  }
                  #expect(status == wanted, "\(first) -> \(second), \(length) bytes")
                }
              }
              let isAsExpected = bytes(toFrame) == expected
              #expect(isAsExpected)
            }
          }
        }
        #expect(world.isUnchanged(since: before))
        #expect(world.brokenRule() == nil)
      }
    }

    func fill(_ frame: MachineFrame, _ seed: Int) {
      for word in 0..<512 {
        PhysicalWindow.store(frame, word: word, UInt64(word &* 0x9e37_79b9 &* seed) &* 0xbf58_476d_1ce4_e5b9)
      }
    }
    func bytes(_ frame: MachineFrame) -> [UInt8] {
      Array(unsafeUninitializedCapacity: 4096) { buffer, count in
        for word in 0..<512 {
          withUnsafeBytes(of: PhysicalWindow.load(frame, word: word)) {
            buffer.baseAddress!.advanced(by: word * 8).initialize(
              from: $0.baseAddress!.assumingMemoryBound(to: UInt8.self), count: 8)
          }
        }
        count = 4096
      }
    }

    @Test func refusalsLeaveNothingBehind() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        a.permit(8, to: 2, a.spare[0])
        a.permit(9, to: 2, a.spare[0], readOnly: true)
        a.permit(10, to: 3, a.spare[0])
        a.permit(11, to: 2, a.root)
        let own = Guest.Side.frame(b.pages[0])
        let before = world.counts()
        let cases: [(Guest.Side, Guest.Side, GrantStatus)] = [
          (.grant(8, 1), .frame(b.root), .badPage),
          (.frame(b.root), own, .okay),
          (.grant(11, 1), own, .okay),
          (own, .grant(11, 1), .generalError),
          (own, .grant(9, 1), .generalError),
          (.grant(9, 1), own, .okay),
          (.grant(10, 1), own, .generalError),
          (.grant(7, 1), own, .generalError),
          (.grant(512, 1), own, .badReference),
          (.grant(8, 5), own, .badDomain),
          (.grant(8, 0x7ff2), own, .badDomain),
          (.frame(a.spare[0]), own, .badPage),
          (.frame(a.spare[0], 1), own, .permissionDenied),
          (own, .frame(a.spare[0], 1), .permissionDenied),
          (own, .frame(MachineFrame(UInt64.max)), .badPage),
          (.frame(MachineFrame(1)), own, .badPage),
          (own, .grant(8, 1), .okay),
          (.grant(8, 1), .grant(8, 1), .okay),
        ]
        for (from, to, status) in cases { #expect(b.copy(from, 0, to, 0, 64) == status, "\(from) \(to)") }
        #expect(world.isUnchanged(since: before))
        #expect(world.brokenRule() == nil && a.marks(8) == 0)
      }
    }

    @Test func copiesBesideMappings() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        a.permit(8, to: 2, a.spare[0])
        let mapped = b.map([.hostMap, .readOnly], 8, of: 1, at: b.slot(0))
        #expect(b.copy(.frame(b.pages[0]), 0, .grant(8, 1), 0, 4096) == .okay)
        #expect(a.marks(8) == GrantEntryFlag.reading)
        #expect(world.brokenRule() == nil)
        #expect(b.unmap(mapped.handle, b.slot(0)) == .okay)
        #expect(a.marks(8) == 0)
      }
    }

    /// Grants that lead on to another domain's: c copies from and to a's frame by b's leave.
    @Test func transitiveGrants() {
      GrantWorld.run { world in
        let (a, b, c) = (world.guest(1), world.guest(2), world.guest(3))
        #expect(b.setVersion(2) == 0 && c.setVersion(2) == 0)
        a.permit(8, to: 2, a.spare[0])
        a.permit(9, to: 2, a.spare[0], readOnly: true)
        a.permit(10, to: 3, a.spare[0])
        b.grant2(8, flags: GrantEntryFlag.transitive, to: 3, upper: 1, 8)
        b.grant2(9, flags: GrantEntryFlag.transitive, to: 3, upper: 1, 9)
        b.grant2(10, flags: GrantEntryFlag.transitive, to: 3, upper: 1, 10)
        b.grant2(11, flags: GrantEntryFlag.transitive, to: 3, upper: 2, 8)
        b.grant2(12, flags: GrantEntryFlag.transitive, to: 3, upper: 7, 8)
        b.grant2(13, flags: GrantEntryFlag.transitive | GrantEntryFlag.readOnly, to: 3, upper: 1, 8)
        b.grant2(14, flags: GrantEntryFlag.transitive, to: 3, upper: 2, 14)
        b.grant2(15, flags: GrantEntryFlag.transitive, to: 3, upper: 2, 16)
        b.grant2(16, flags: GrantEntryFlag.permitAccess, to: 2, b.spare[0].number)
        b.grant2(17, flags: GrantEntryFlag.transitive, to: 3, upper: 1, 512)
        let before = world.counts()
        PhysicalWindow.store(a.spare[0], word: 3, 0x1234_5678)
        #expect(c.copy(.grant(8, 2), 24, .frame(c.pages[0]), 0, 8) == .okay)
        #expect(PhysicalWindow.load(c.pages[0], word: 0) == 0x1234_5678)
        #expect(c.copy(.frame(c.pages[0]), 0, .grant(8, 2), 32, 8) == .okay)
        #expect(PhysicalWindow.load(a.spare[0], word: 4) == 0x1234_5678)
        #expect(c.copy(.grant(8, 2), 0, .grant(8, 2), 64, 64) == .okay)
        #expect(c.copy(.grant(9, 2), 0, .frame(c.pages[0]), 0, 8) == .okay)
        #expect(c.copy(.frame(c.pages[0]), 0, .grant(9, 2), 0, 8) == .generalError)
        #expect(c.copy(.grant(10, 2), 0, .frame(c.pages[0]), 0, 8) == .generalError, "not granted to who grants it on")
        #expect(c.copy(.grant(11, 2), 0, .frame(c.pages[0]), 0, 8) == .generalError, "a second link")
        #expect(c.copy(.grant(12, 2), 0, .frame(c.pages[0]), 0, 8) == .generalError, "no such domain")
        #expect(c.copy(.grant(13, 2), 0, .frame(c.pages[0]), 0, 8) == .okay)
        #expect(c.copy(.frame(c.pages[0]), 0, .grant(13, 2), 0, 8) == .generalError)
        #expect(c.copy(.grant(14, 2), 0, .frame(c.pages[0]), 0, 8) == .generalError, "a loop")
        #expect(c.copy(.grant(15, 2), 0, .frame(c.pages[0]), 0, 8) == .okay, "by way of its own grant to itself")
        #expect(c.copy(.grant(17, 2), 0, .frame(c.pages[0]), 0, 8) == .badReference)
        #expect(world.isUnchanged(since: before))
        #expect(world.brokenRule() == nil)
      }
    }
  }
}
