// SPDX-License-Identifier: Apache-2.0
// A vCPU's whole state as a toolstack reads it, changes it and gives it back: what `xl save -c` does to have a guest go on.
import CXenABI
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct VCPUContextTests {
  static let buffer = SystemMachine.buffer

  static func ask(_ machine: SystemMachine, _ command: Int32) -> Int64 {
    machine.domctl(command, 1, martlet_vcpucontext(vcpu: 0, padding: 0, ctxt: buffer))
  }

  /// The other domain is paused, and its vCPU 0 has a state.
  static func run(_ body: (SystemMachine, Ref<VCPU>) throws -> Void) rethrows {
    try SystemMachine.run { machine in
      machine.other[].pauseCount.store(1)
      let vcpu = machine.other[].vcpu(index: 0)!
      vcpu[].isInitialised = true
      vcpu[].kernelTable = machine.world.guestFrame(machine.other)
      vcpu[].userTable = machine.world.guestFrame(machine.other)
      vcpu[].registers.rip = 0x1234
      vcpu[].registers.rax = 0
      vcpu[].isKernelMode = true
      try body(machine, vcpu)
    }
  }

  @Test func `what is read can be given back, changed`() {
    Self.run { machine, vcpu in
      let rax = Self.buffer + UInt64(VCPUContextLayout.userRegisters) + 10 * 8
      let breakpoint = Self.buffer + UInt64(VCPUContextLayout.debug)
      #expect(Self.ask(machine, XEN_DOMCTL_getvcpucontext) == 0)
      #expect(machine.get(rax, UInt64(9)) == 0)
      let (kernel, user) = (vcpu[].kernelTable, vcpu[].userTable)
      machine.put(rax, UInt64(1))
      machine.put(breakpoint, UInt64(0x5678))
      machine.put(breakpoint + 8, UInt64(0xffff_8300_0000_0000))
      machine.put(Self.buffer + UInt64(VCPUContextLayout.control), UInt64(8))
      vcpu[].info.isMasked = false
      #expect(Self.ask(machine, XEN_DOMCTL_setvcpucontext) == 0)
      #expect(vcpu[].registers.rax == 1 && vcpu[].registers.rip == 0x1234 && vcpu[].isKernelMode)
      #expect(vcpu[].kernelTable == kernel && vcpu[].userTable == user && vcpu[].isInitialised && vcpu[].taskSwitched)
      // A breakpoint in the hypervisor's region is passed over; events are masked as they were.
      #expect(vcpu[].debug[0] == 0x5678 && vcpu[].debug[1] == 0 && !vcpu[].info.isMasked)
    }
  }

  @Test func `other tables are refused, and nothing changes`() {
    Self.run { machine, vcpu in
      let control = Self.buffer + UInt64(VCPUContextLayout.control)
      for (place, value) in [
        (control + 24, UInt64(0x7000)), (control + 8, 0), (Self.buffer + UInt64(VCPUContextLayout.gdtEntries), 5),
        (Self.buffer + UInt64(VCPUContextLayout.ldtEntries), 1),
      ] {
        #expect(Self.ask(machine, XEN_DOMCTL_getvcpucontext) == 0)
        machine.put(Self.buffer + UInt64(VCPUContextLayout.userRegisters) + 10 * 8, UInt64(1))
        machine.put(place, value)
        #expect(Self.ask(machine, XEN_DOMCTL_setvcpucontext) == XenError.notSupported.code)
        #expect(vcpu[].registers.rax == 0)
      }
    }
  }

  /// A domain that has shut down to be saved is not paused by anybody.
  @Test func `it need not be paused`() {
    Self.run { machine, vcpu in
      #expect(Self.ask(machine, XEN_DOMCTL_getvcpucontext) == 0)
      machine.put(Self.buffer + UInt64(VCPUContextLayout.userRegisters) + 10 * 8, UInt64(1))
      machine.other[].pauseCount.store(0)
      #expect(Self.ask(machine, XEN_DOMCTL_setvcpucontext) == 0)
      #expect(vcpu[].registers.rax == 1 && vcpu[].holds.load() & VCPUHold.inspected == 0)
    }
  }
}
