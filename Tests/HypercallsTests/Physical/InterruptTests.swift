// SPDX-License-Identifier: Apache-2.0
// Lines from a device to a guest's event: routing, masking, ends of interrupts.
import Frames
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls
@testable import Machine

/// What an operation gives its caller: zero, or an error number.
func outcome(_ body: () throws(XenError) -> Void) -> Int32 {
  do throws(XenError) {
    try body()
    return 0
  } catch { return error.rawValue }
}

@Suite struct VectorTests {
  @Test func `every vector but the guests' own is given once`() {
    var vectors = InterruptVectors()
    var seen: Set<UInt8> = []
    while let vector = vectors.allocate(1, for: UInt32(seen.count)) {
      #expect(vectors.interrupt(vector) == UInt32(seen.count))
      #expect(seen.insert(vector).inserted)
    }
    #expect(seen == Set(0x20...0xdf).subtracting([0x80]))
    vectors.free(0x77)
    #expect(vectors.interrupt(0x77) == nil)
    let again = vectors.allocate(1, for: 9)
    #expect(again == 0x77)
    #expect(vectors.interrupt(0x1f) == nil && vectors.interrupt(0xff) == nil)
  }

  @Test(arguments: [1, 2, 4, 8, 16, 32])
  func `several in a row start at a multiple of their number`(count: Int) {
    var vectors = InterruptVectors()
    _ = vectors.allocate(1, for: 500)
    var runs = 0
    while let first = vectors.allocate(count, for: 40) {
      #expect(Int(first) % count == 0)
      for index in 0..<count { #expect(vectors.interrupt(first + UInt8(index)) == 40 + UInt32(index)) }
      runs += 1
    }
    // The aligned runs of 192 vectors, less those with the one in use and with 0x80.
    #expect(runs == 192 / count - 2)
  }
}

@Suite struct WiringTests {
  @Test func `an entry has its fields where the I/O APIC looks for them`() {
    let level = RedirectionEntry(vector: 0x31, apicID: 5, isLevel: true, isLow: true, isMasked: false)
    #expect(level.raw == 0x0500_0000_0000_a031)
    #expect(
      RedirectionEntry(vector: 0xdf, apicID: 0x1fe, isLevel: false, isLow: false, isMasked: true).raw
        == 0xfe00_0000_0001_00df)
    #expect(InterruptMessage(vector: 0x44, apicID: 7).address == 0xfee0_7000)
    #expect(InterruptMessage(vector: 0x44, apicID: 7).data == 0x44)
  }

  @Test func `lines are found at their controllers, with their signals`() {
    DeviceMachine.run { _ in
      var wiring = InterruptWiring()
      let frame = DeviceMachine.controller
      _ = wiring.addController(IOAPIC(slot: 2, physical: frame.physical, firstGSI: 0, identifier: 0))
      _ = wiring.addController(IOAPIC(slot: 3, physical: frame.physical + 0x800, firstGSI: 32, identifier: 1))
      _ = wiring.addOverride(irq: 0, gsi: 2, isLevel: false, isLow: false)
      _ = wiring.addOverride(irq: 9, gsi: 9, isLevel: true, isLow: true)
      #expect(wiring.pin(gsi: 23)?.1 == 23)
      #expect(wiring.pin(gsi: 24) == nil)
      #expect(wiring.pin(gsi: 40)?.0.identifier == 1 && wiring.pin(gsi: 40)?.1 == 8)
      #expect(wiring.pin(gsi: UInt32.max) == nil)
      #expect(wiring.lineCount(limit: 512) == 56 && wiring.lineCount(limit: 20) == 20)
      #expect(wiring.gsi(ofISA: 0) == 2 && wiring.gsi(ofISA: 4) == 4)
      typealias Signal = InterruptWiring.Signal
      #expect(wiring.signal(gsi: 4) == Signal(isLevel: false, isLow: false))
      #expect(wiring.signal(gsi: 9) == Signal(isLevel: true, isLow: true))
      #expect(wiring.signal(gsi: 19) == Signal(isLevel: true, isLow: true))
      #expect(wiring.controller(physical: frame.physical + 0x800)?.firstGSI == 32)
      var more = 0
      while wiring.addController(IOAPIC(slot: 4, physical: 0, firstGSI: 99, identifier: 2)) { more += 1 }
      #expect(more == 14)
    }
  }
}

@Suite struct LineTests {
  static let masked: UInt64 = 1 << 16

  static func bind(_ guest: SimulatedGuest, _ pirq: UInt32) -> EventPort? {
    try? Events.bindPIRQ(guest.domain, pirq: pirq, willShare: false)
  }
  static func isPending(_ guest: SimulatedGuest, _ port: EventPort) -> Bool { guest.domain.isPending(port.raw) }
  static func arrive(_ line: Int, _ world: DeviceMachine) {
    InterruptRouting.deviceInterrupt(UInt8(truncatingIfNeeded: world.entry(line)))
  }

  @Test func `a level line is masked from its arrival to its end`() throws {
    try DeviceMachine.run { world in
      world.wire()
      let guest = world.guest(0, isPrivileged: true)
      #expect(Self.bind(guest, 9) == nil)
      #expect(outcome { () throws(XenError) in try InterruptRouting.mapLine(9, for: guest.domain) } == 0)
      #expect(world.entry(9) & Self.masked != 0)
      let port = try #require(Self.bind(guest, 9))
      let entry = world.entry(9)
      // Unmasked, level, active high, to the CPU with APIC identifier 5.
      #expect(entry & ~0xff == 0x0500_0000_0000_8000 && entry & 0xff >= 0x20)
      Self.arrive(9, world)
      #expect(Self.isPending(guest, port))
      #expect(world.entry(9) == entry | Self.masked)
      #expect(InterruptRouting.unmask(9, guest.domain))
      #expect(world.entry(9) == entry)
      #expect(!InterruptRouting.unmask(9, guest.domain))
      #expect((try? InterruptRouting.needsEOI(9, guest.domain)) == true)
      try Events.close(guest.domain, port: port)
      #expect(world.entry(9) & Self.masked != 0)
      Self.arrive(9, world)
    }
  }

  @Test func `an edge is acknowledged at once`() throws {
    try DeviceMachine.run { world in
      world.wire()
      let guest = world.guest(0, isPrivileged: true)
      try InterruptRouting.mapLine(4, for: guest.domain)
      let port = try #require(Self.bind(guest, 4))
      let entry = world.entry(4)
      #expect(entry & (Self.masked | 0xa000) == 0)
      for _ in 0..<5 {
        Self.arrive(4, world)
        #expect(Self.isPending(guest, port) && world.entry(4) == entry)
        guest.domain.clearPending(port.raw)
      }
      #expect((try? InterruptRouting.needsEOI(4, guest.domain)) == false)
    }
  }

  @Test func `an edge that nobody heeds is masked, if its guest can be told`() throws {
    try DeviceMachine.run { world in
      world.wire()
      let guest = world.guest(0, isPrivileged: true)
      try InterruptRouting.mapLine(4, for: guest.domain)
      let port = try #require(Self.bind(guest, 4))
      let entry = world.entry(4)
      for _ in 0..<300 { Self.arrive(4, world) }
      #expect(world.entry(4) == entry)
      let notice = guest.frame()
      try guest.domain.setEOIFrame(notice, unmasksEvents: false)
      var arrivals = 0
      while world.entry(4) == entry && arrivals < 300 {
        #expect(PhysicalWindow.load(notice, word: 0) == 0)
        Self.arrive(4, world)
        arrivals += 1
      }
      #expect(arrivals <= Int(PhysicalInterrupt.patience) + 1)
      #expect(world.entry(4) == entry | Self.masked)
      #expect(PhysicalWindow.load(notice, word: 0) == 1 << 4)
      #expect(Self.isPending(guest, port))
      guest.domain.clearPending(port.raw)
      try InterruptRouting.endOfInterrupt(4, guest.domain)
      #expect(world.entry(4) == entry && PhysicalWindow.load(notice, word: 0) == 0)
      // From the start again.
      Self.arrive(4, world)
      #expect(world.entry(4) == entry)
    }
  }

  @Test func `a domain without interrupts does not take the lock of all interrupts`() throws {
    try DeviceMachine.run { world in
      world.wire()
      let guest = world.guest(1)
      let lock = Ref<InterruptRouting>.shared.field { .to(&$0.state) }
      let before = lock[].tickets
      #expect(outcome { () throws(XenError) in try InterruptRouting.endOfInterrupt(9, guest.domain) } == 0)
      #expect((try? InterruptRouting.needsEOI(9, guest.domain)) == false)
      #expect(outcome { () throws(XenError) in _ = try InterruptRouting.needsEOI(1 << 20, guest.domain) } == 22)
      try guest.domain.setEOIFrame(guest.frame(), unmasksEvents: false)
      #expect(lock[].tickets == before)
    }
  }

  @Test func `the guest reads in its page which interrupts it has to end`() throws {
    try DeviceMachine.run { world in
      world.wire()
      let guest = world.guest(0, isPrivileged: true)
      try InterruptRouting.mapLine(9, for: guest.domain)
      try InterruptRouting.mapLine(20, for: guest.domain)
      _ = try #require(Self.bind(guest, 9))
      let notice = guest.frame()
      #expect(
        outcome { () throws(XenError) in try guest.domain.setEOIFrame(MachineFrame(1), unmasksEvents: true) } == 22)
      try guest.domain.setEOIFrame(notice, unmasksEvents: true)
      #expect(PhysicalWindow.load(notice, word: 0) == 1 << 9)
      let port = try #require(Self.bind(guest, 20))
      #expect(PhysicalWindow.load(notice, word: 0) == 1 << 9 | 1 << 20)
      #expect(outcome { () throws(XenError) in try guest.domain.setEOIFrame(notice, unmasksEvents: true) } == 16)
      // This form of the call unmasks the event too: word and bit of evtchn_mask in the shared page.
      let mask = SharedInfoLayout.eventMask >> 3
      PhysicalWindow.fetchOr(guest.domain[].sharedInfo, word: mask, 1 << UInt64(port.raw))
      try InterruptRouting.endOfInterrupt(20, guest.domain)
      #expect(PhysicalWindow.load(guest.domain[].sharedInfo, word: mask) == 0)
      try Events.close(guest.domain, port: port)
      #expect(PhysicalWindow.load(notice, word: 0) == 1 << 9)
      InterruptRouting.takeAll(from: guest.domain)
      #expect(ledger[].type(notice).count == 0 && world.entry(9) & Self.masked != 0)
    }
  }

  @Test func `a line belongs to one domain`() throws {
    try DeviceMachine.run { world in
      world.wire()
      let (guest, other) = (world.guest(0, isPrivileged: true), world.guest(3))
      try InterruptRouting.mapLine(5, for: guest.domain)
      try InterruptRouting.mapLine(5, for: guest.domain)
      #expect(outcome { () throws(XenError) in try InterruptRouting.mapLine(5, for: other.domain) } == 16)
      #expect(outcome { () throws(XenError) in try InterruptRouting.bindGuest(5, other.domain, willShare: true) } == 22)
      #expect(outcome { () throws(XenError) in try InterruptRouting.unmap(5, from: other.domain) } == 22)
      #expect(outcome { () throws(XenError) in try InterruptRouting.mapLine(24, for: guest.domain) } == 22)
      #expect(outcome { () throws(XenError) in try InterruptRouting.mapLine(UInt32.max, for: guest.domain) } == 22)
      let port = try #require(Self.bind(guest, 5))
      #expect(outcome { () throws(XenError) in try InterruptRouting.bindGuest(5, guest.domain, willShare: true) } == 16)
      #expect(outcome { () throws(XenError) in try InterruptRouting.unmap(5, from: guest.domain) } == 16)
      try Events.close(guest.domain, port: port)
      let vector = UInt8(truncatingIfNeeded: world.entry(5))
      try InterruptRouting.unmap(5, from: guest.domain)
      #expect(outcome { () throws(XenError) in try InterruptRouting.unmap(5, from: guest.domain) } == 22)
      try InterruptRouting.mapLine(6, for: other.domain)
      #expect(UInt8(truncatingIfNeeded: world.entry(6)) == vector)
    }
  }

  @Test func `the first word on a line's signal counts`() throws {
    try DeviceMachine.run { world in
      world.wire()
      let guest = world.guest(0, isPrivileged: true)
      try InterruptRouting.setSignal(gsi: 10, isLevel: true, isLow: true)
      #expect(
        outcome { () throws(XenError) in try InterruptRouting.setSignal(gsi: 10, isLevel: false, isLow: true) } == 17)
      #expect(
        outcome { () throws(XenError) in try InterruptRouting.setSignal(gsi: 30, isLevel: false, isLow: true) } == 22)
      try InterruptRouting.mapLine(10, for: guest.domain)
      #expect(world.entry(10) & 0xa000 == 0xa000)
      // What a guest writes to the controller itself: the signal of line 11.
      try InterruptRouting.writeController(physical: DeviceMachine.controller.physical, register: 0x26, 0xa0ff)
      try InterruptRouting.mapLine(11, for: guest.domain)
      #expect(world.entry(11) & 0xa000 == 0xa000 && world.entry(11) & 0xff != 0xff)
      #expect(
        outcome { () throws(XenError) in try InterruptRouting.writeController(physical: 0xfee0_0000, register: 0x26, 0)
        } == 19)
      PhysicalWindow.store32(DeviceMachine.controller, word: 1, 0x17_0020)
      #expect(
        (try? InterruptRouting.readController(physical: DeviceMachine.controller.physical, register: 1)) == 0x17_0020)
    }
  }

  @Test func `the console's line is not to be had`() throws {
    try DeviceMachine.run { world in
      world.wire()
      let guest = world.guest(0, isPrivileged: true)
      #expect(InterruptRouting.claimForConsole(gsi: 4))
      #expect(world.entry(4) & Self.masked == 0)
      try InterruptRouting.mapLine(4, for: guest.domain)
      #expect(outcome { () throws(XenError) in try InterruptRouting.bindGuest(4, guest.domain, willShare: true) } == 16)
      try InterruptRouting.unmap(4, from: guest.domain)
      #expect(world.entry(4) & Self.masked == 0)
      Self.arrive(4, world)
      #expect(Ref<PhysicalCPU>.current[].work.load() & CPUWork.console != 0)
      #expect(!InterruptRouting.claimForConsole(gsi: 99))
    }
  }
}
