// SPDX-License-Identifier: Apache-2.0
// XEN_DOMCTL_destroydomain as the toolstack makes it.
import CXenABI
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Frames
@testable import Hypercalls

@Suite struct DestroyCallTests {
  static let address: UInt64 = 0x20_0000

  /// Makes the call about a domain number.
  func destroy(_ world: EndWorld, _ number: UInt16, as caller: Ref<Domain>? = nil) -> Int64 {
    let page = world.world.ownFrames(1)
    world.world.map(Self.address, page)
    let version = UInt64(XEN_DOMCTL_INTERFACE_VERSION) << 32
    PhysicalWindow.store(page, word: 0, UInt64(UInt32(XEN_DOMCTL_destroydomain)) | version)
    PhysicalWindow.store(page, word: 1, UInt64(number))
    let vcpu = (caller ?? world.control)[].vcpu(index: 0)!
    return world.world.call(vcpu, __HYPERVISOR_domctl, [Self.address])
  }

  @Test func whatItSays() throws {
    try EndWorld.run { world in
      let domain = try world.make()
      for resource in Resource.allCases { try resource.give(domain, world) }
      #expect(destroy(world, 1, as: domain) == -1, "EPERM without privilege")
      #expect(destroy(world, 0) == -22, "EINVAL for Domain 0")
      #expect(destroy(world, DomainID.current.raw) == -22, "EINVAL for oneself")
      #expect(destroy(world, 2) == -3 && destroy(world, 0x7fff) == -3, "ESRCH")
      let kept = ledger[].allocate(for: domain[].id)!
      let isTaken = ledger[].take(kept, owner: domain[].id)
      #expect(isTaken)
      #expect(destroy(world, 1) == 0)
      #expect(domain[].life.withLock { $0.isDying })
      #expect(destroy(world, 1) == 0, "a zombie is destroyed already")
      ledger[].drop(kept)
      world.settle()
      #expect(destroy(world, 1) == -3)
    }
  }

  /// The news of the end of the domain that takes them go to Domain 0: its own ports are closed.
  @Test func newsOfTheirTakersEndAreDomain0s() throws {
    try EndWorld.run { world in
      let port = try Events.bindVIRQ(world.control, virq: VirtualInterrupt.domainException, vcpu: 0)
      let taker = try world.make()
      MachineInterrupts.setHandler(of: VirtualInterrupt.domainException, taker)
      let kept = ledger[].allocate(for: taker[].id)!
      let isTaken = ledger[].take(kept, owner: taker[].id)
      #expect(isTaken)
      #expect(destroy(world, taker[].id.raw) == 0)
      let isTold = try Events.isPending(world.control, port: port)
      #expect(isTold)
      ledger[].drop(kept)
      world.settle()
    }
  }

  /// A domain whose number cannot be told to its maker is not made.
  @Test func aDomainOfWhichNobodyHearsIsNotMade() throws {
    EndWorld.run { world in
      let page = world.world.ownFrames(1)
      let words: [(Int, UInt64)] = [
        (0, UInt64(UInt32(XEN_DOMCTL_createdomain)) | UInt64(XEN_DOMCTL_INTERFACE_VERSION) << 32), (1, 7),
      ]
      for (word, value) in words { PhysicalWindow.store(page, word: word, value) }
      let body = Int(OFFSET_domctl_body)
      PhysicalWindow.store32(page, word: (body + MemoryLayout<xen_domctl_createdomain>.offset(of: \.max_vcpus)!) / 4, 1)
      PhysicalWindow.store32(
        page, word: (body + MemoryLayout<xen_domctl_createdomain>.offset(of: \.max_evtchn_port)!) / 4, 1023)
      PhysicalWindow.store32(
        page, word: (body + MemoryLayout<xen_domctl_createdomain>.offset(of: \.max_grant_frames)!) / 4, 4)
      PhysicalWindow.store32(
        page, word: (body + MemoryLayout<xen_domctl_createdomain>.offset(of: \.grant_opts)!) / 4, 1)
      func create() -> Int64 {
        world.world.call(world.control[].vcpu(index: 0)!, __HYPERVISOR_domctl, [Self.address])
      }
      world.world.map(Self.address, page, isWritable: false)
      let free = world.balance
      #expect(create() == -14)
      #expect(Hypervisor.domain(DomainID(7)) == nil && world.balance == free)
      world.world.map(Self.address, page)
      // The number is free again.
      #expect(create() == 0)
      #expect(Hypervisor.domain(DomainID(7)) != nil)
    }
  }

  /// VIRQ_DOM_EXC comes when a domain has ended, and again when it is gone.
  @Test func theToolstackIsTold() throws {
    try EndWorld.run { world in
      let port = try Events.bindVIRQ(world.control, virq: VirtualInterrupt.domainException, vcpu: 0)
      func isTold() throws -> Bool {
        defer { world.control.clearPending(port.raw) }
        return try Events.isPending(world.control, port: port)
      }
      let domain = try world.make()
      let kept = ledger[].allocate(for: domain[].id)!
      let isTaken = ledger[].take(kept, owner: domain[].id)
      #expect(isTaken)
      #expect(try !isTold())
      #expect(destroy(world, 1) == 0)
      #expect(try isTold())
      world.settle()
      #expect(try !isTold())
      ledger[].drop(kept)
      world.pause()
      #expect(try isTold() && Hypervisor.domain(DomainID(1)) == nil)
    }
  }

  /// Nobody else finds a dying domain, for whatever purpose.
  @Test func theDyingAreNotFound() throws {
    try EndWorld.run { world in
      let domain = try world.make()
      let call = Hypercall(
        vcpu: world.control[].vcpu(index: 0)!, domain: world.control, arguments: InlineArray(repeating: 0))
      #expect(try call.target(1) == domain)
      _ = domain.destroy()
      #expect(throws: XenError.noSuchDomain) { try call.target(1) }
      world.destroy(domain)
    }
  }
}
