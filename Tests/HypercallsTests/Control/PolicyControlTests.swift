// SPDX-License-Identifier: Apache-2.0
// Feature sets and policies as lists, as libxc asks for them when it creates a domain.
import CXenABI
import Domains
import Instructions
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Hypercalls

@Suite struct PolicyControlTests {
  static let leafSize = UInt64(MemoryLayout<xen_cpuid_leaf>.size)
  static let leaves = SystemMachine.buffer
  static let msrs = SystemMachine.end - 32

  static func system(
    _ machine: SystemMachine, _ index: Int32, leaves: UInt64 = leaves, room: UInt32 = 200, msrs: UInt64 = msrs,
    msrRoom: UInt32 = 2, reserved: UInt32 = 0
  ) -> Int64 {
    machine.sysctl(
      XEN_SYSCTL_get_cpu_policy,
      martlet_system_cpu_policy(
        index: UInt32(bitPattern: index), nr_leaves: room, nr_msrs: msrRoom, _rsvd: reserved, leaves: leaves, msrs: msrs
      ))
  }

  static func domain(
    _ machine: SystemMachine, _ command: Int32, _ domain: UInt16 = 1, leaves: UInt64 = leaves, count: UInt32 = 200,
    msrs: UInt64 = msrs, msrCount: UInt32 = 2
  ) -> Int64 {
    machine.domctl(
      command, domain,
      martlet_domain_cpu_policy(
        nr_leaves: count, nr_msrs: msrCount, leaves: leaves, msrs: msrs, err_leaf: 7, err_subleaf: 7, err_msr: 7,
        padding: 0))
  }

  static func told(_ machine: SystemMachine) -> martlet_domain_cpu_policy {
    machine.get(machine.domainBody, martlet_domain_cpu_policy())
  }

  @Test func `without places the greatest lengths`() {
    SystemMachine.run { machine in
      #expect(machine.sysctl(XEN_SYSCTL_get_cpu_policy, martlet_system_cpu_policy()) == 0)
      let told = machine.get(machine.body, martlet_system_cpu_policy())
      #expect(told.nr_leaves == 120)
      #expect(told.nr_msrs == 2)
    }
  }

  @Test func `the machine's policies`() {
    SystemMachine.run { machine in
      for index in [
        XEN_SYSCTL_cpu_policy_raw, XEN_SYSCTL_cpu_policy_host, XEN_SYSCTL_cpu_policy_pv_max,
        XEN_SYSCTL_cpu_policy_pv_default,
      ] {
        #expect(Self.system(machine, index) == 0)
        let told = machine.get(machine.body, martlet_system_cpu_policy())
        #expect(told.nr_leaves > 10 && told.nr_leaves <= 120)
        #expect(told.nr_msrs == 2)
        // Leaf 0 stands first, and names the maker.
        let first = machine.get(Self.leaves, xen_cpuid_leaf())
        #expect(first.leaf == 0 && first.subleaf == UInt32.max)
        #expect(first.b == Registers.cpuid(0).ebx)
        #expect(machine.get32(Self.msrs) == 0xce)
        #expect(machine.get32(Self.msrs + 16) == 0x10a)
        // One entry less than that is too little.
        #expect(Self.system(machine, index, room: told.nr_leaves - 1) == XenError.noBuffers.code)
        #expect(Self.system(machine, index, room: told.nr_leaves) == 0)
        #expect(Self.system(machine, index, msrRoom: 1) == XenError.noBuffers.code)
        #expect(Self.system(machine, index, leaves: SystemMachine.end - Self.leafSize) == XenError.fault.code)
        #expect(Self.system(machine, index, msrs: SystemMachine.end - 16) == XenError.fault.code)
      }
      #expect(Self.system(machine, XEN_SYSCTL_cpu_policy_hvm_max) == XenError.notSupported.code)
      #expect(Self.system(machine, XEN_SYSCTL_cpu_policy_hvm_default) == XenError.notSupported.code)
      #expect(Self.system(machine, 6) == XenError.invalid.code)
      #expect(Self.system(machine, -1) == XenError.invalid.code)
      #expect(Self.system(machine, 0, reserved: 1) == XenError.invalid.code)
    }
  }

  @Test func `feature sets`() {
    SystemMachine.run { machine in
      let ask = { (index: Int32, room: UInt32, at: UInt64) in
        machine.sysctl(
          XEN_SYSCTL_get_cpu_featureset,
          martlet_cpu_featureset(index: UInt32(bitPattern: index), nr_features: room, features: at))
      }
      #expect(ask(0, 0, 0) == 0)
      #expect(machine.get(machine.body, martlet_cpu_featureset()).nr_features == 19)
      #expect(ask(XEN_SYSCTL_cpu_featureset_raw, 64, Self.leaves) == 0)
      #expect(machine.get(machine.body, martlet_cpu_featureset()).nr_features == 19)
      #expect(machine.get32(Self.leaves) == Registers.cpuid(1).edx)
      let raw = (0..<19).map { machine.get32(Self.leaves + UInt64($0) * 4) }
      for index in [
        XEN_SYSCTL_cpu_featureset_host, XEN_SYSCTL_cpu_featureset_pv, XEN_SYSCTL_cpu_featureset_pv_max,
      ] {
        #expect(ask(index, 19, Self.leaves) == 0)
        for word in 0..<19 {
          let bits = machine.get32(Self.leaves + UInt64(word) * 4)
          // All comes from the processor, but for the bit that says that there is a hypervisor.
          #expect(bits & ~raw[word] & ~(word == 1 ? 0x8000_0000 : 0) == 0, "set \(index) word \(word)")
        }
      }
      // Too little room: what there is room for, and no more.
      machine.put(Self.leaves + 8, UInt32(0x1234_5678))
      #expect(ask(XEN_SYSCTL_cpu_featureset_raw, 2, Self.leaves) == XenError.noBuffers.code)
      #expect(machine.get32(Self.leaves) == raw[0])
      #expect(machine.get32(Self.leaves + 8) == 0x1234_5678)
      #expect(machine.get(machine.body, martlet_cpu_featureset()).nr_features == 2)
      #expect(ask(XEN_SYSCTL_cpu_featureset_hvm, 19, Self.leaves) == XenError.notSupported.code)
      #expect(ask(XEN_SYSCTL_cpu_featureset_hvm_max, 19, Self.leaves) == XenError.notSupported.code)
      #expect(ask(6, 19, Self.leaves) == XenError.invalid.code)
      #expect(ask(0, 19, SystemMachine.end - 4) == XenError.fault.code)
    }
  }

  @Test func `no levelling`() {
    SystemMachine.run { machine in
      #expect(machine.sysctl(XEN_SYSCTL_get_cpu_levelling_caps, UInt32(0xffff)) == 0)
      #expect(machine.get32(machine.body) == 0)
    }
  }

  /// What `xl create` does: the default policy, a bit changed, given to the new domain.
  @Test func `a domain gets what the toolstack computes`() {
    SystemMachine.run { machine in
      #expect(Self.system(machine, XEN_SYSCTL_cpu_policy_pv_default) == 0)
      let count = machine.get(machine.body, martlet_system_cpu_policy()).nr_leaves
      let basic = (0..<UInt64(count)).first { machine.get32(Self.leaves + $0 * Self.leafSize) == 1 }!
      var leaf = machine.get(Self.leaves + basic * Self.leafSize, xen_cpuid_leaf())
      let sse3: UInt32 = 1
      #expect(leaf.c & sse3 != 0)
      // Without SSE3, with VMX.
      leaf.c = leaf.c & ~sse3 | 1 << 5
      machine.put(Self.leaves + basic * Self.leafSize, leaf)
      #expect(Self.domain(machine, XEN_DOMCTL_set_cpu_policy, count: count, msrs: 0, msrCount: 0) == 0)
      let view = machine.other[].processor.view(
        leaf: 1, subleaf: 0, processor: CPUIDVirtualProcessor(index: 0, cr4: 0, xcr0: 1), host: Processor.host)
      #expect(view.ecx & sse3 == 0)
      #expect(view.ecx & (1 << 5) == 0)
      #expect(view.ecx & 1 << 31 != 0)

      // And reads back the same; given back, it changes nothing.
      #expect(Self.domain(machine, XEN_DOMCTL_get_cpu_policy) == 0)
      let told = Self.told(machine)
      #expect(told.nr_leaves == count)
      #expect(told.nr_msrs == 2)
      let list = (0..<UInt64(count) * Self.leafSize).map { machine.get(Self.leaves + $0, UInt8(0)) }
      #expect(machine.get(Self.leaves + basic * Self.leafSize, xen_cpuid_leaf()).c == leaf.c & ~(1 << 5))
      #expect(Self.domain(machine, XEN_DOMCTL_set_cpu_policy, count: count) == 0)
      #expect(Self.domain(machine, XEN_DOMCTL_get_cpu_policy) == 0)
      #expect(list == (0..<UInt64(count) * Self.leafSize).map { machine.get(Self.leaves + $0, UInt8(0)) })
    }
  }

  @Test func `without places, as libxc asks for leaves alone`() {
    SystemMachine.run { machine in
      #expect(Self.domain(machine, XEN_DOMCTL_get_cpu_policy, msrs: 0, msrCount: 0) == 0)
      #expect(Self.told(machine).nr_msrs == 2)
      #expect(Self.domain(machine, XEN_DOMCTL_get_cpu_policy, count: 5) == XenError.noBuffers.code)
      #expect(Self.domain(machine, XEN_DOMCTL_get_cpu_policy, leaves: SystemMachine.end) == XenError.fault.code)
      #expect(Self.domain(machine, XEN_DOMCTL_get_cpu_policy, 9) == XenError.noSuchDomain.code)
    }
  }

  @Test func `entries that make no sense are named`() {
    SystemMachine.run { machine in
      func set(_ leaf: xen_cpuid_leaf) -> Int64 {
        machine.put(Self.leaves, leaf)
        return Self.domain(machine, XEN_DOMCTL_set_cpu_policy, count: 1, msrs: 0, msrCount: 0)
      }
      #expect(set(xen_cpuid_leaf(leaf: 0x1234, subleaf: 5, a: 0, b: 0, c: 0, d: 0)) == XenError.outOfRange.code)
      #expect(Self.told(machine).err_leaf == 0x1234)
      #expect(Self.told(machine).err_subleaf == 5)
      #expect(Self.told(machine).err_msr == UInt32.max)
      // More leaves than the processor has.
      #expect(set(xen_cpuid_leaf(leaf: 0, subleaf: ~0, a: 0xffff, b: 0, c: 0, d: 0)) == XenError.invalid.code)
      #expect(Self.told(machine).err_leaf == 0)
      #expect(set(xen_cpuid_leaf(leaf: 7, subleaf: 0, a: 50, b: 0, c: 0, d: 0)) == XenError.invalid.code)
      #expect(Self.told(machine).err_leaf == 7)
      #expect(Self.told(machine).err_subleaf == 0)

      func set(msr: UInt32, flags: UInt32 = 0, value: UInt64) -> Int64 {
        machine.put(Self.msrs, xen_msr_entry(idx: msr, flags: flags, val: value))
        return Self.domain(machine, XEN_DOMCTL_set_cpu_policy, leaves: 0, count: 0, msrCount: 1)
      }
      #expect(set(msr: 0xce, value: 0) == 0)
      #expect(set(msr: 0xce, value: 1 << 31) == XenError.invalid.code)
      #expect(Self.told(machine).err_msr == 0xce)
      #expect(set(msr: 0x10a, value: UInt64.max) == 0)
      #expect(set(msr: 0x10a, flags: 1, value: 0) == XenError.invalid.code)
      #expect(set(msr: 0x1b, value: 0) == XenError.outOfRange.code)
      #expect(Self.told(machine).err_msr == 0x1b)
      #expect(Self.told(machine).err_leaf == UInt32.max)

      #expect(Self.domain(machine, XEN_DOMCTL_set_cpu_policy, count: 121) == XenError.tooBig.code)
      #expect(Self.domain(machine, XEN_DOMCTL_set_cpu_policy, count: 0, msrCount: 3) == XenError.tooBig.code)
      #expect(
        Self.domain(machine, XEN_DOMCTL_set_cpu_policy, leaves: SystemMachine.end, count: 1) == XenError.fault.code)
      #expect(Self.domain(machine, XEN_DOMCTL_set_cpu_policy, 0, count: 0, msrCount: 0) == XenError.invalid.code)
    }
  }

  @Test func `a domain that runs keeps its policy`() {
    SystemMachine.run { machine in
      #expect(Self.domain(machine, XEN_DOMCTL_set_cpu_policy, count: 0, msrCount: 0) == 0)
      machine.other[].vcpu(index: 1)![].isInitialised = true
      #expect(Self.domain(machine, XEN_DOMCTL_set_cpu_policy, count: 0, msrCount: 0) == XenError.exists.code)
    }
  }
}
