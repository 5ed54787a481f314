// SPDX-License-Identifier: Apache-2.0
// What a domain takes of the hypervisor's memory, and what shares a frame with its records.
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Frames

@Suite struct FixedMemoryTests {
  /// Makes the largest save area for extended registers that of x87, SSE and AVX (832 bytes), or with AVX-512 (2688).
  private func setSaveArea(bytes: UInt32) {
    var features = CPUFeatures.current
    features.saveAreaBytes = bytes
    features.publish()
  }

  /// What the hypervisor takes for a domain of its own frames; docs/architecture.md states it.
  @Test func fixedMemoryOfADomain() throws {
    try EndWorld.run { world in
      setSaveArea(bytes: 832)
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
      #expect(one == 5)
      #expect(two == 6)
    }
  }

  /// C2: a guest comes up although another one has taken all memory that it can get.
  @Test func aReserveForThoseWhoComeUp() throws {
    try EndWorld.run { world in
      let guest = try world.make()
      Ref<MachineMemory>.shared[].reserve = MachineMemory.reserve(of: world.world.frames)
      let greedy = try world.make(limit: world.world.frames)
      while MachineMemory.allocate(for: greedy, order: 0, limit: UInt64.max) != nil {}
      #expect(throws: XenError.noMemory) {
        try MachineMemory.claim(greedy, total: ledger[].accounts.owned(greedy[].id) + 1)
      }
      #expect(ledger[].freeFrames == 64 && MachineMemory.freeFrames == RecordPool.keptFrames)
      // What Linux asks for on its way up: ports for four vCPUs and many devices, grants, mappings.
      for _ in 0..<600 { _ = try Events.allocateUnbound(guest, remote: DomainID(0)) }
      #expect(guest[].grants.withLock { $0.grow(to: 4) })
      for _ in 0..<600 { #expect(guest[].grants.withLock { $0.reserveHandle() } != nil) }
      #expect(ledger[].freeFrames > 40)
      Ref<MachineMemory>.shared[].reserve = 0
      #expect(MachineMemory.allocate(for: greedy, order: 0, limit: UInt64.max) != nil)
    }
  }

  /// A memory map of one range, as libxl sets for every PV domain, takes no memory; a longer one takes a frame, until a shorter
  /// one is set. What was set is what is read, and a map that cannot be kept leaves the one before.
  @Test func memoryMapsThatTakeMemory() throws {
    try EndWorld.run { world in
      let before = world.balance
      let domain = try world.make()
      let free = ledger[].freeFrames
      func map(ranges: Int) -> E820Map {
        var map = E820Map()
        for index in 0..<UInt64(ranges) {
          let isIn = map.append(E820Entry(start: index << 32, size: 0x1000 + index, kind: 1 + UInt32(index % 5)))
          precondition(isIn)
        }
        return map
      }
      func set(ranges: Int) -> Bool { domain[].memory.withLock { $0.setMap(map(ranges: ranges)) } }
      func expect(ranges: Int, frames: UInt64, _ place: SourceLocation = #_sourceLocation) {
        let (seen, wanted) = (domain[].memory.withLock { $0.map }, map(ranges: ranges))
        #expect(seen.count == ranges && (0..<ranges).allSatisfy { seen[$0] == wanted[$0] }, sourceLocation: place)
        #expect(free - ledger[].freeFrames == frames, sourceLocation: place)
      }
      expect(ranges: 0, frames: 0)
      for ranges in [1, 2, 128, 1, 3, 0, 2, 0, 1] {
        #expect(set(ranges: ranges))
        expect(ranges: ranges, frames: ranges > 1 ? 1 : 0)
      }
      var hoard: [MachineFrame] = []
      while let frame = ledger[].allocateOwn() { hoard.append(frame) }
      let isSetWithoutMemory = set(ranges: 2)
      for frame in hoard { ledger[].freeOwn(frame) }
      #expect(!isSetWithoutMemory)
      expect(ranges: 1, frames: 0)
      #expect(set(ranges: 2))
      world.destroy(domain)
      world.settle()
      #expect(world.balance == before)
    }
  }

  /// Where AVX-512 makes the extended registers too large to stand behind a vCPU's record, each vCPU takes a frame more.
  @Test func largeExtendedState() throws {
    try EndWorld.run { world in
      setSaveArea(bytes: 2688)
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
      setSaveArea(bytes: 832)
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
      setSaveArea(bytes: 832)
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
