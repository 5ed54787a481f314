// SPDX-License-Identifier: Apache-2.0
// The tick that a vCPU has by itself begins when VIRQ_TIMER is bound, and never again once the guest has set or stopped it.
import CXenABI
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct DefaultTickTests {
  /// VIRQ_TIMER, VIRQ_DEBUG; VCPUOP_set_periodic_timer, _stop_.
  static let (timer, debug, set, stop) = (0, 1, UInt64(6), UInt64(7))

  static func period(_ vcpu: Ref<VCPU>) -> UInt64 { vcpu[].timers.withLock { $0.period } }

  @Test func `begins with the binding`() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1, vcpus: 2))
      #expect(guest.bindVIRQ(Self.debug, 0) > 0)
      #expect(Self.period(guest.vcpu(0)) == 0)
      let port = guest.bindVIRQ(Self.timer, 0)
      #expect(Self.period(guest.vcpu(0)) == 10_000_000 && Self.period(guest.vcpu(1)) == 0)
      let before = guest.vcpu(0)[].timers.withLock { $0.next }
      #expect(guest.bindVIRQ(Self.timer, 0) == -17)
      #expect(guest.close(port) == 0 && guest.bindVIRQ(Self.timer, 0) > 0)
      // It goes on as it was.
      #expect(guest.vcpu(0)[].timers.withLock { $0.next } == before)
      #expect(guest.bindVIRQ(Self.timer, 1) > 0)
      #expect(Self.period(guest.vcpu(1)) == 10_000_000)
    }
  }

  @Test(arguments: [false, true]) func `never after the guest's own word`(bindsFirst: Bool) {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1, vcpus: 2))
      var port = bindsFirst ? guest.bindVIRQ(Self.timer, 0) : 0
      #expect(world.call(guest.vcpu(0), __HYPERVISOR_vcpu_op, [Self.stop, 0]) == 0)
      #expect(Self.period(guest.vcpu(0)) == 0)
      if bindsFirst { #expect(guest.close(port) == 0) }
      port = guest.bindVIRQ(Self.timer, 0)
      #expect(port > 0 && Self.period(guest.vcpu(0)) == 0)
      try? GuestMemory.write(LinearAddress(guest.buffer), UInt64(5_000_000))
      let result = world.call(guest.vcpu(1), __HYPERVISOR_vcpu_op, [Self.set, 1, guest.buffer])
      #expect(result == 0 && Self.period(guest.vcpu(1)) == 5_000_000)
      #expect(guest.bindVIRQ(Self.timer, 1) > 0 && Self.period(guest.vcpu(1)) == 5_000_000)
    }
  }
}
