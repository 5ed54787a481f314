// SPDX-License-Identifier: Apache-2.0
// What a domain takes of the hypervisor's memory, and what shares a frame with its records.
import Machine
import Support
import Testing
import XenABI

@testable import Domains
@testable import Frames

@Suite struct FixedMemoryTests {
  /// What the hypervisor takes for a domain of its own frames; docs/architecture.md states it.
  @Test func fixedMemoryOfADomain() throws {
    try EndWorld.run { world in
      func taken(vcpus: Int) throws -> UInt64 {
        let before = ledger[].freeFrames
        _ = try world.make(vcpus: vcpus)
        return before - ledger[].freeFrames
      }
      let one = try taken(vcpus: 1)
      let two = try taken(vcpus: 2)
      #expect(one == DomainCreation.fixedFrames(vcpus: 1), "takes \(one)")
      #expect(two == DomainCreation.fixedFrames(vcpus: 2), "takes \(two)")
      // 20 KiB, the two frames that the guest sees included, and one more for each more vCPU.
      #expect(one == 5 && two == 6)
    }
  }

  /// Where AVX-512 makes the extended registers too large to stand behind a vCPU's record, each vCPU takes a frame more.
  @Test func largeExtendedState() throws {
    try EndWorld.run { world in
      var features = CPUFeatures.current
      features.saveAreaBytes = 2688
      features.publish()
      let before = world.balance
      let free = ledger[].freeFrames
      let domain = try world.make(vcpus: 2)
      #expect(free - ledger[].freeFrames == DomainCreation.fixedFrames(vcpus: 2))
      #expect(DomainCreation.fixedFrames(vcpus: 2) == 4 + 2 * 2)
      let area = domain[].vcpu(index: 1)![].extendedState
      #expect(area.offset == 0 && area.bytes == 4096)
      world.destroy(domain)
      world.settle()
      #expect(world.balance == before)
      features.saveAreaBytes = 832
      features.publish()
      let small = try world.make(vcpus: 1)
      let place = small[].vcpu(index: 0)![].extendedState
      #expect(place.bytes >= 832 && place.offset & 63 == 0)
      world.destroy(small)
      world.settle()
      #expect(world.balance == before)
    }
  }

  /// What stands behind a vCPU's record does not reach the domain that gets the record next.
  @Test func whatStandsBehindARecord() throws {
    try EndWorld.run { world in
      let before = world.balance
      let domain = try world.make()
      let vcpu = domain[].vcpu(index: 0)!
      for vector in 0...255 as ClosedRange<UInt8> {
        try vcpu.setTrap(vector: vector, word: 3 << 8 | 0xe033 << 16, address: 0x1000 + UInt64(vector))
      }
      for vector in 0...255 as ClosedRange<UInt8> {
        let (address, info) = vcpu.trapEntry(vector)
        #expect(address == 0x1000 + UInt64(vector) && info == 0xe033_0003)
      }
      let area = vcpu[].extendedState
      let image = (area.offset / 8..<512).map { PhysicalWindow.load(area.frame, word: $0) }
      #expect(image[0] == 0x037f && image[3] == 0x1f80)
      for word in area.offset / 8..<512 { PhysicalWindow.store(area.frame, word: word, 0x5ec4e7) }
      #expect(vcpu.trapEntry(255).address == 0x10ff && vcpu[].id.raw == 0 && vcpu[].domain == domain)
      #expect(world.balance < before)
      world.destroy(domain)
      world.settle()
      #expect(world.balance == before)
      let next = try world.make()
      #expect(next[].vcpu(index: 0) == vcpu)
      for vector in 0...255 as ClosedRange<UInt8> {
        #expect(vcpu.trapEntry(vector).address | vcpu.trapEntry(vector).info == 0)
      }
      #expect((area.offset / 8..<512).map { PhysicalWindow.load(area.frame, word: $0) } == image)
      world.destroy(next)
    }
  }

  /// Handlers for the vectors that most guests set take no memory; one for another vector does, and without memory is refused.
  @Test func trapsThatTakeMemory() throws {
    try EndWorld.run { world in
      let domain = try world.make()
      let vcpu = domain[].vcpu(index: 0)!
      let free = ledger[].freeFrames
      for vector in Array(0..<32) + [0x80] as [UInt8] { try vcpu.setTrap(vector: vector, word: 0, address: 0x1000) }
      try vcpu.setTrap(vector: 0x21, word: 0xe033 << 16, address: 0)
      #expect(ledger[].freeFrames == free)
      var hoard: [MachineFrame] = []
      while let frame = ledger[].allocateOwn() { hoard.append(frame) }
      #expect(throws: XenError.noMemory) { try vcpu.setTrap(vector: 0x81, word: 0, address: 0x1000) }
      ledger[].freeOwn(hoard.removeLast())
      try vcpu.setTrap(vector: 0x81, word: 0, address: 0x2000)
      #expect(vcpu.trapEntry(0x80).address == 0x1000 && vcpu.trapEntry(0x81).address == 0x2000)
      vcpu.clearTraps()
      #expect(vcpu.trapEntry(0x80).address == 0 && vcpu.trapEntry(0x81).address == 0 && vcpu.trapEntry(3).address == 0)
      for frame in hoard { ledger[].freeOwn(frame) }
      world.destroy(domain)
    }
  }
}
