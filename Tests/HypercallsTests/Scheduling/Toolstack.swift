// SPDX-License-Identifier: Apache-2.0
// Domain 0 on a simulated machine of four CPUs, making the calls that xl makes about scheduling, with its memory at fixed
// addresses.
import CXenABI
import Machine
import Scheduling
import SimulatedMachine
import XenABI

@testable import Domains
@testable import Hypercalls

final class Toolstack {
  static let cpus = 4
  /// Where the domctl or sysctl stands, where bitmaps and arrays do, and where nothing is mapped.
  static let request: UInt64 = 0x10_0000
  static let buffer: UInt64 = 0x20_0000
  static let second: UInt64 = 0x20_0800
  static let hole: UInt64 = 0x90_0000

  let world: SimulatedMachine
  let control: Ref<Domain>
  let guest: Ref<Domain>

  /// A machine with Domain 0 (one vCPU) and domain 1 (`vcpus`), none of them running yet.
  static func run(vcpus: Int = 2, _ body: (Toolstack) throws -> Void) rethrows {
    try SimulatedMachine.run { world in try body(Toolstack(world, vcpus)) }
  }

  private init(_ world: SimulatedMachine, _ vcpus: Int) {
    self.world = world
    world.onCPUs([{}, {}, {}])
    control = world.makeDomain(0, isPrivileged: true, mayUseHardware: true)
    guest = world.makeDomain(1, vcpus: vcpus)
    for address in [Toolstack.request, Toolstack.buffer] { world.map(address, world.guestFrame(control)) }
    for vcpu in [caller] + (0..<vcpus).map(vcpu) {
      vcpu[].holds.store(VCPUHold.down)
      Scheduler.admit(vcpu)
      // Up as soon as somebody settles it.
      vcpu[].holds.store(0)
    }
  }

  var caller: Ref<VCPU> { control[].vcpu(index: 0)! }
  func vcpu(_ index: Int) -> Ref<VCPU> { guest[].vcpu(index: index)! }
  func cpu(_ number: Int) -> Ref<PhysicalCPU> { Ref<Hypervisor>.shared[].cpus[number]! }

  /// The first eight bytes at a place, and a change of them.
  func word(_ at: UInt64) -> UInt64 { try! GuestMemory.read64(LinearAddress(at)) }
  func set(_ at: UInt64, _ value: UInt64) { try! GuestMemory.write(LinearAddress(at), value) }

  /// Makes a domctl about a domain; `body` is what stands in it before, and after it what it has become.
  func domctl<Body: BitwiseCopyable>(_ command: Int32, domain: UInt16 = 1, _ body: inout Body) -> Int64 {
    let at = LinearAddress(Toolstack.request)
    try! GuestMemory.write(at, UInt32(bitPattern: command))
    try! GuestMemory.write(at + 4, UInt32(XEN_DOMCTL_INTERFACE_VERSION))
    try! GuestMemory.write(at + UInt64(OFFSET_domctl_domain), domain)
    return call(at + UInt64(OFFSET_domctl_body), &body, __HYPERVISOR_domctl)
  }

  /// Makes a sysctl.
  func sysctl<Body: BitwiseCopyable>(_ command: Int32, _ body: inout Body) -> Int64 {
    let at = LinearAddress(Toolstack.request)
    try! GuestMemory.write(at, UInt32(bitPattern: command))
    try! GuestMemory.write(at + 4, UInt32(XEN_SYSCTL_INTERFACE_VERSION))
    return call(at + UInt64(OFFSET_sysctl_body), &body, __HYPERVISOR_sysctl)
  }

  private func call<Body: BitwiseCopyable>(
    _ at: LinearAddress, _ body: inout Body, _ number: Int32
  ) -> Int64 {
    try! GuestMemory.write(at, body)
    let result = world.call(caller, number, [Toolstack.request])
    body = try! GuestMemory.read(at, as: Body.self, initial: body)
    return result
  }
}

/// A bitmap in guest memory.
func bitmap(_ at: UInt64, bits: UInt32 = 64) -> martlet_bitmap { martlet_bitmap(bitmap: at, nr_bits: bits, padding: 0) }
