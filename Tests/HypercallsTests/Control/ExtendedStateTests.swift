// SPDX-License-Identifier: Apache-2.0
// Extended registers, entry points and MSRs of a paused vCPU, as a toolstack saves and restores them.
import CXenABI
import Instructions
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct ExtendedStateTests {
  /// Whether the processor that the tests run on has XSAVE and AVX, whose sizes the images have.
  static let hasAVX = Registers.cpuid(1).ecx & (1 << 28 | 1 << 26) == 1 << 28 | 1 << 26
  static let buffer = SystemMachine.buffer

  /// The other domain is paused and may have AVX.
  static func run(_ body: (SystemMachine) throws -> Void) rethrows {
    try SystemMachine.run { machine in
      machine.other[].pauseCount.store(1)
      var traits = CPUIDTraits()
      traits.extendedStateMask = 7
      machine.other[].processor = CPUIDPolicy(traits, host: Processor.host)
      try body(machine)
    }
  }

  static func ask(
    _ machine: SystemMachine, _ command: Int32, domain: UInt16 = 1, vcpu: UInt32 = 0, states: UInt64 = 0,
    size: UInt64 = 0, at: UInt64 = buffer
  ) -> Int64 {
    machine.domctl(
      command, domain,
      martlet_vcpuextstate(vcpu: vcpu, padding: 0, xfeature_mask: states, size: size, buffer: at))
  }

  static func told(_ machine: SystemMachine) -> martlet_vcpuextstate {
    machine.get(machine.domainBody, martlet_vcpuextstate())
  }

  /// An image with AVX: XCR0, the states enabled, and an area whose header names SSE and AVX.
  static func prepare(_ machine: SystemMachine, xcr0: UInt64 = 7, enabled: UInt64 = 7) {
    for word in 0..<106 as Range<UInt64> { machine.put(buffer + word * 8, word &* 0x0101_0101) }
    machine.put(buffer, xcr0)
    machine.put(buffer + 8, enabled)
    machine.put(buffer + 16 + 24, UInt32(0x1f80))
    machine.put(buffer + 16 + 512, UInt64(6))
    for word in 1..<8 as Range<UInt64> { machine.put(buffer + 16 + 512 + word * 8, UInt64(0)) }
  }

  @Test func `who comes second does not disturb who is first`() throws {
    try Self.run { machine in
      let vcpu = machine.other[].vcpu(index: 0)!
      #expect(Self.ask(machine, XEN_DOMCTL_getvcpuextstate, at: 0) == 0)
      let told = Self.told(machine)
      func state() -> Int64 {
        Self.ask(machine, XEN_DOMCTL_getvcpuextstate, states: told.xfeature_mask, size: told.size)
      }
      let seen = try vcpu.inspected { () throws(XenError) in
        #expect(state() == XenError.restart.code)
        return vcpu[].holds.load() & VCPUHold.inspected != 0
      }
      #expect(seen == true)
      #expect(vcpu[].holds.load() & VCPUHold.inspected == 0)
      #expect(state() == 0)
    }
  }

  @Test(.enabled(if: hasAVX)) func `an image goes in and comes out`() {
    Self.run { machine in
      #expect(Self.ask(machine, XEN_DOMCTL_getvcpuextstate, at: 0) == 0)
      let size = Self.told(machine).size
      #expect(Self.told(machine).xfeature_mask == 7)
      #expect(size == 16 + 576 + 256)
      Self.prepare(machine)
      let image = (0..<size).map { machine.get(Self.buffer + $0, UInt8(0)) }
      #expect(Self.ask(machine, XEN_DOMCTL_setvcpuextstate, vcpu: 1, size: size) == 0)
      #expect(machine.other[].vcpu(index: 1)![].xcr0 == 7)
      #expect(machine.other[].vcpu(index: 0)![].xcr0 == 1)
      for offset in 0..<size { machine.put(Self.buffer + offset, UInt8(0)) }
      #expect(Self.ask(machine, XEN_DOMCTL_getvcpuextstate, vcpu: 1, states: 7, size: size) == 0)
      #expect(image == (0..<size).map { machine.get(Self.buffer + $0, UInt8(0)) })
      // Another size, or other states, than told.
      #expect(Self.ask(machine, XEN_DOMCTL_getvcpuextstate, states: 7, size: size - 1) == XenError.invalid.code)
      #expect(Self.ask(machine, XEN_DOMCTL_getvcpuextstate, states: 3, size: size) == XenError.invalid.code)
      #expect(
        Self.ask(machine, XEN_DOMCTL_getvcpuextstate, states: 7, size: size, at: SystemMachine.end - size + 1)
          == XenError.fault.code)
      #expect(
        Self.ask(machine, XEN_DOMCTL_getvcpuextstate, states: 7, size: size, at: SystemMachine.end - size) == 0)
    }
  }

  @Test(.enabled(if: hasAVX)) func `an image that the vCPU cannot have is refused`() {
    Self.run { machine in
      let size: UInt64 = 16 + 576 + 256
      func set(size: UInt64 = size, _ change: () -> Void) -> Int64 {
        Self.prepare(machine)
        change()
        return Self.ask(machine, XEN_DOMCTL_setvcpuextstate, size: size)
      }
      let vcpu = machine.other[].vcpu(index: 0)!
      let at = Self.buffer
      // x87 missing; AVX without SSE; more than the domain may have; more than was ever enabled.
      for (xcr0, enabled) in [(6, 7), (5, 7), (0, 7), (0x27, 0x27), (7, 3), (7, 0xff), (UInt64.max, UInt64.max)]
        as [(UInt64, UInt64)]
      {
        #expect(
          set {
            machine.put(at, xcr0)
            machine.put(at + 8, enabled)
          } == XenError.invalid.code)
      }
      // The header: states that are not enabled, a compacted area, reserved words.
      #expect(set { machine.put(at + 528, UInt64(0xe4)) } == XenError.invalid.code)
      #expect(set { machine.put(at + 536, UInt64(1) << 63) } == XenError.invalid.code)
      #expect(set { machine.put(at + 584, UInt64(1)) } == XenError.invalid.code)
      // Reserved bits of MXCSR.
      #expect(set { machine.put(at + 40, UInt32(0x1_1f80)) } == XenError.invalid.code)
      for size in [0, 15, 16, 16 + 575, size - 1, size + 1, 16 + 4096, 16 + 4097, UInt64.max] as [UInt64] {
        #expect(set(size: size) {} == XenError.invalid.code)
      }
      #expect(vcpu[].xcr0 == 1)
      #expect(set {} == 0)
      #expect(Self.ask(machine, XEN_DOMCTL_setvcpuextstate, size: size, at: 0) == XenError.fault.code)
      // What ends in the middle leaves the state after reset.
      for word in 0..<76 as Range<UInt64> {
        machine.put(SystemMachine.end - 608 + word * 8, machine.get(at + word * 8, UInt64(0)))
      }
      #expect(
        Self.ask(machine, XEN_DOMCTL_setvcpuextstate, size: size, at: SystemMachine.end - 608) == XenError.fault.code)
      #expect(PhysicalWindow.load(vcpu[].extendedState.frame, word: 64) == 0)
      #expect(PhysicalWindow.load32(vcpu[].extendedState.frame, word: 6) == 0x1f80)
    }
  }

  @Test func `without XSAVE there is no image`() {
    SystemMachine.run { machine in
      machine.other[].pauseCount.store(1)
      #expect(Self.ask(machine, XEN_DOMCTL_getvcpuextstate, at: 0) == 0)
      #expect(Self.told(machine).size == 0)
      #expect(Self.told(machine).xfeature_mask == 0)
      Self.prepare(machine)
      #expect(Self.ask(machine, XEN_DOMCTL_setvcpuextstate, size: 848) == XenError.invalid.code)
    }
  }

  static let commands: [Int32] = [
    XEN_DOMCTL_getvcpuextstate, XEN_DOMCTL_setvcpuextstate, XEN_DOMCTL_get_ext_vcpucontext,
    XEN_DOMCTL_set_ext_vcpucontext, XEN_DOMCTL_get_vcpu_msrs, XEN_DOMCTL_set_vcpu_msrs,
  ]

  @Test(arguments: commands) func `whose vCPU it may be`(command: Int32) {
    Self.run { machine in
      let isChange =
        command == XEN_DOMCTL_setvcpuextstate || command == XEN_DOMCTL_set_ext_vcpucontext
        || command == XEN_DOMCTL_set_vcpu_msrs
      #expect(Self.ask(machine, command, domain: 0, at: 0) == XenError.invalid.code)
      #expect(Self.ask(machine, command, domain: 9, at: 0) == XenError.noSuchDomain.code)
      #expect(Self.ask(machine, command, vcpu: 2, at: 0) == XenError.invalid.code)
      #expect(Self.ask(machine, command, vcpu: .max, at: 0) == XenError.invalid.code)
      machine.other[].pauseCount.store(0)
      if isChange { #expect(Self.ask(machine, command, at: 0) == XenError.busy.code) }
    }
  }

  @Test func `entry points go in and come out`() {
    Self.run { machine in
      var context = martlet_ext_vcpucontext()
      context.vcpu = 1
      context.size = UInt32(MemoryLayout<martlet_ext_vcpucontext>.size)
      context.syscall32_callback_eip = 0xffff_ffff_8100_1000
      context.syscall32_disables_events = 1
      context.sysenter_callback_eip = 0x1000
      #expect(machine.domctl(XEN_DOMCTL_set_ext_vcpucontext, 1, context) == 0)
      let callbacks = machine.other[].vcpu(index: 1)![].callbacks
      #expect(callbacks.syscall32 == 0xffff_ffff_8100_1000)
      #expect(callbacks.syscall32MasksEvents)
      #expect(callbacks.sysenter == 0x1000)
      #expect(!callbacks.sysenterMasksEvents)

      var asked = martlet_ext_vcpucontext()
      asked.vcpu = 1
      #expect(machine.domctl(XEN_DOMCTL_get_ext_vcpucontext, 1, asked) == 0)
      let told = machine.get(machine.domainBody, martlet_ext_vcpucontext())
      #expect(told.size == context.size)
      #expect(told.size <= 128)
      #expect(told.syscall32_callback_eip == context.syscall32_callback_eip)
      #expect(told.syscall32_disables_events == 1)
      #expect(told.sysenter_callback_eip == 0x1000)
      #expect(told.sysenter_disables_events == 0)

      // Addresses that no code can have; a structure that ends too early.
      context.syscall32_callback_eip = 0x8000_0000_0000
      #expect(machine.domctl(XEN_DOMCTL_set_ext_vcpucontext, 1, context) == XenError.invalid.code)
      context.syscall32_callback_eip = 0
      context.sysenter_callback_eip = 0xffff_7fff_ffff_ffff
      #expect(machine.domctl(XEN_DOMCTL_set_ext_vcpucontext, 1, context) == XenError.invalid.code)
      context.sysenter_callback_eip = 0
      context.size = 31
      #expect(machine.domctl(XEN_DOMCTL_set_ext_vcpucontext, 1, context) == XenError.invalid.code)
      #expect(machine.other[].vcpu(index: 1)![].callbacks.sysenter == 0x1000)
      context.size = 32
      #expect(machine.domctl(XEN_DOMCTL_set_ext_vcpucontext, 1, context) == 0)
      #expect(machine.other[].vcpu(index: 1)![].callbacks.sysenter == 0)
    }
  }

  @Test func `MSRs go in and come out`() {
    Self.run { machine in
      func get(_ room: UInt32, at: UInt64 = Self.buffer) -> Int64 {
        machine.domctl(XEN_DOMCTL_get_vcpu_msrs, 1, martlet_vcpu_msrs(vcpu: 0, msr_count: room, msrs: at))
      }
      func set(_ entries: [(UInt32, UInt32, UInt64)], count: UInt32? = nil) -> Int64 {
        for (index, entry) in entries.enumerated() {
          machine.put(
            Self.buffer + UInt64(index) * 16,
            xen_domctl_vcpu_msr(index: entry.0, reserved: entry.1, value: entry.2))
        }
        return machine.domctl(
          XEN_DOMCTL_set_vcpu_msrs, 1,
          martlet_vcpu_msrs(vcpu: 0, msr_count: count ?? UInt32(entries.count), msrs: Self.buffer))
      }
      var count: UInt32 { machine.get(machine.domainBody, martlet_vcpu_msrs()).msr_count }

      #expect(get(0, at: 0) == 0)
      #expect(count == 1)
      // As after reset: none to be saved.
      #expect(get(1) == 0)
      #expect(count == 0)
      #expect(set([(0x48, 0, 0), (0xc000_0103, 0, 0x1234)]) == 0)
      #expect(machine.other[].vcpu(index: 0)![].tscAux == 0x1234)
      #expect(get(0) == XenError.noBuffers.code)
      #expect(count == 1)
      #expect(get(1) == 0)
      #expect(count == 1)
      let entry = machine.get(Self.buffer, xen_domctl_vcpu_msr())
      #expect(entry.index == 0xc000_0103 && entry.value == 0x1234 && entry.reserved == 0)
      #expect(get(1, at: SystemMachine.end) == XenError.fault.code)

      // The offending entry is told, and nothing is set.
      for bad in [(0xc000_0103, 0, 1 << 32), (0xc000_0103, 1, 1), (0x48, 0, 4), (0x1b, 0, 0)]
        as [(
          UInt32, UInt32, UInt64
        )]
      {
        #expect(set([(0xc000_0103, 0, 5), bad]) == XenError.invalid.code)
        #expect(count == 1)
        #expect(machine.other[].vcpu(index: 0)![].tscAux == 0x1234)
      }
      #expect(set([], count: .max) == XenError.invalid.code)
      #expect(set([]) == 0)
    }
  }
}
