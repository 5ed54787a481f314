// SPDX-License-Identifier: Apache-2.0
// Linear addresses at every boundary, and which guest ranges may be tried.
import Testing

@testable import Machine

@Suite struct AddressTests {
  @Test(
    arguments: [
      (0, true, false), (1, true, false), (0x7fff_ffff_ffff, true, false), (0x8000_0000_0000, false, false),
      (0xffff_7fff_ffff_ffff, false, false), (0xffff_8000_0000_0000, true, true), (0xffff_87ff_ffff_ffff, true, true),
      (0xffff_8800_0000_0000, true, false), (0xffff_ffff_ffff_ffff, true, false), (0x0001_0000_0000_0000, false, false),
      (0xfffe_8000_0000_0000, false, false), (1 << 63, false, false),
    ] as [(UInt64, Bool, Bool)])
  func regions(raw: UInt64, isCanonical: Bool, isHypervisor: Bool) {
    #expect(LinearAddress(raw).isCanonical == isCanonical)
    #expect(LinearAddress(raw).isHypervisor == isHypervisor)
  }

  @Test func theRegionIsTheSlots() {
    for slot in 0..<512 {
      let top = UInt64(slot) << 39
      let address = LinearAddress(slot >= 256 ? top | 0xffff << 48 : top)
      #expect(address.isCanonical)
      #expect(address.isHypervisor == (slot >= HypervisorSpace.firstSlot && slot < HypervisorSpace.endSlot))
      #expect(address.index(level: 4) == slot)
    }
  }

  @Test func indices() {
    let address = LinearAddress(UInt64(300) << 39 | 511 << 30 | 1 << 21 | 257 << 12 | 0xabc)
    #expect([4, 3, 2, 1].map { address.index(level: $0) } == [300, 511, 1, 257])
    #expect(address.pageOffset == 0xabc)
    #expect((address + 0x544).pageOffset == 0)
    #expect((LinearAddress(UInt64.max) + 1).raw == 0)
  }

  @Test func frames() {
    #expect(MachineFrame(physical: 0x1fff).number == 1)
    #expect(MachineFrame(5).physical == 0x5000)
    #expect((MachineFrame(5) + 3) == MachineFrame(8))
    #expect(MachineFrame(4) < MachineFrame(5))
  }

  // ---- GuestMemory.allows ----

  /// The same, by arithmetic that cannot overflow: every byte of the range outside the region, none beyond the end.
  private func allows(_ start: UInt64, _ bytes: Int) -> Bool {
    guard bytes > 0 else { return bytes == 0 }
    guard start.addingReportingOverflow(UInt64(bytes) - 1).overflow == false else { return false }
    let last = start + (UInt64(bytes) - 1)
    return last < 0xffff_8000_0000_0000 || start >= 0xffff_8800_0000_0000
  }

  @Test func everyBoundaryOfGuestRanges() {
    let edges: [UInt64] = [
      0, 0x7fff_ffff_f000, 0x8000_0000_0000, 0xffff_7fff_ffff_f000, 0xffff_8000_0000_0000, 0xffff_8300_0000_0000,
      0xffff_8800_0000_0000, 0xffff_ffff_ffff_f000, UInt64.max,
    ]
    let lengths = [1, 2, 7, 8, 16, 63, 64, 4095, 4096, 4097, 1 << 20, 1 << 39, 1 << 47, 1 << 48, Int.max - 1, Int.max]
    for edge in edges {
      for delta in -70...70 as ClosedRange<Int64> {
        let start = edge &+ UInt64(bitPattern: delta)
        for bytes in lengths {
          #expect(
            GuestMemory.allows(LinearAddress(start), bytes: bytes) == allows(start, bytes),
            "\(String(start, radix: 16)), \(bytes)")
        }
        for bytes in [-1, -4096, Int.min, Int.min + 1] {
          #expect(!GuestMemory.allows(LinearAddress(start), bytes: bytes))
        }
      }
    }
  }
}
