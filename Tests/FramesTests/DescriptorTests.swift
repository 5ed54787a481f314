// SPDX-License-Identifier: Apache-2.0
// Segment descriptors: which a guest may have.
import Testing
import XenABI

@testable import Frames
@testable import Machine

@Suite struct DescriptorTests {
  @Test func everyKindOfDescriptor() {
    for access in 0..<256 as Range<UInt64> {
      for flags in 0..<16 as Range<UInt64> {
        let raw = access << 40 | flags << 52 | 0xf_0000_0000_ffff
        let admitted = Descriptor.admit(raw)
        guard access & 0x80 != 0 else {
          #expect(admitted == raw, "not present")
          continue
        }
        let level = access >> 5 & 3
        let isSystem = access & 0x10 == 0
        let isBadCode = access & 8 != 0 && flags & 6 == 6
        if isSystem || level == 2 || isBadCode {
          #expect(admitted == nil, "access \(access), flags \(flags)")
        } else {
          #expect(admitted == raw | 3 << 45, "access \(access), flags \(flags)")
        }
      }
    }
  }

  @Test func aBadDescriptorSpoilsThePage() {
    LedgerWorld.run { world in
      let frame = world.frame()
      for slot in [0, 1, 255, 511] {
        PhysicalWindow.store(frame, word: slot, 0x0000_8900_0000_0067)
        #expect(throws: XenError.invalid) { try world.useDescriptors(frame) }
        #expect(world.count(frame) == 1 && world.type(frame).count == 0)
        PhysicalWindow.store(frame, word: slot, 0x00af_9b00_0000_ffff)
      }
      try? world.useDescriptors(frame)
      #expect(PhysicalWindow.load(frame, word: 511) == 0x00af_fb00_0000_ffff, "raised to ring 3")
      #expect(throws: XenError.invalid) { try world.updateDescriptor(frame, 3, 0x0000_8900_0000_0067) }
      #expect(PhysicalWindow.load(frame, word: 3) == 0)
      try? world.updateDescriptor(frame, 3, 0x00cf_9300_0000_ffff)
      #expect(PhysicalWindow.load(frame, word: 3) == 0x00cf_f300_0000_ffff)
      #expect(world.count(frame) == 2 && world.type(frame).count == 1)
      // Another domain's, or one in another use.
      #expect(throws: XenError.invalid) { try world.useDescriptors(frame, 2) }
      world.ledger[].stopUsingDescriptors(frame)
      #expect(world.takeWritable(frame))
      #expect(throws: XenError.invalid) { try world.useDescriptors(frame) }
    }
  }
}
