// SPDX-License-Identifier: Apache-2.0
// A machine with Domain 0 and a domain to be built, whose domctls and sysctls are put together and read back byte by byte.
import CXenABI
import Domains
import Frames
import Machine
import SimulatedMachine
import XenABI

@testable import Hypercalls

/// Domain 0, another domain, and Domain 0's memory at address zero.
final class SystemMachine {
  static let pages = 8
  let world: SimulatedMachine
  let control: Ref<Domain>
  let other: Ref<Domain>

  static func run<R>(_ body: (SystemMachine) throws -> R) rethrows -> R {
    try SimulatedMachine.run { try body(SystemMachine($0)) }
  }

  private init(_ world: SimulatedMachine) {
    self.world = world
    control = world.makeDomain(0, isPrivileged: true, mayUseHardware: true)
    other = world.makeDomain(1, vcpus: 2)
    for page in 1...SystemMachine.pages { world.map(UInt64(page) << 12, world.guestFrame(control)) }
  }

  /// Where the operation's own structure is, and a buffer with room up to the end of what is mapped.
  static let operation: UInt64 = 0x1000
  static let buffer: UInt64 = 0x2000
  /// The first byte that is not mapped.
  static let end: UInt64 = UInt64(pages + 1) << 12
  /// The first bytes of the operation's arguments.
  var body: UInt64 { SystemMachine.operation + UInt64(OFFSET_sysctl_body) }
  var domainBody: UInt64 { SystemMachine.operation + UInt64(OFFSET_domctl_body) }

  func put<T: BitwiseCopyable>(_ at: UInt64, _ value: T) { try! GuestMemory.write(LinearAddress(at), value) }
  func get<T: BitwiseCopyable>(_ at: UInt64, _ initial: T) -> T {
    try! GuestMemory.read(LinearAddress(at), as: T.self, initial: initial)
  }
  func get32(_ at: UInt64) -> UInt32 { get(at, UInt32(0)) }

  /// A sysctl with these arguments, which may be gone back to with `get(body, ...)`.
  func sysctl<T: BitwiseCopyable>(_ command: Int32, _ arguments: T) -> Int64 {
    put(SystemMachine.operation, UInt32(bitPattern: command))
    put(SystemMachine.operation + 4, UInt32(XEN_SYSCTL_INTERFACE_VERSION))
    put(body, arguments)
    return world.call(control[].vcpu(index: 0)!, __HYPERVISOR_sysctl, [SystemMachine.operation])
  }

  /// A domctl of Domain 0's on a domain.
  func domctl<T: BitwiseCopyable>(_ command: Int32, _ domain: UInt16, _ arguments: T) -> Int64 {
    put(SystemMachine.operation, UInt32(bitPattern: command))
    put(SystemMachine.operation + 4, UInt32(XEN_DOMCTL_INTERFACE_VERSION))
    put(SystemMachine.operation + UInt64(OFFSET_domctl_domain), UInt64(domain))
    put(domainBody, arguments)
    return world.call(control[].vcpu(index: 0)!, __HYPERVISOR_domctl, [SystemMachine.operation])
  }
}
