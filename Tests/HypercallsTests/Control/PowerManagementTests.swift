// SPDX-License-Identifier: Apache-2.0
// Power, processors and pages that stay as they are, and how tools are told so.
import CXenABI
import Domains
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Hypercalls

@Suite struct PowerManagementTests {
  static func power(_ machine: SystemMachine, _ operation: Int32, _ what: Int32, cpu: UInt32 = 0) -> Int64 {
    machine.sysctl(operation, martlet_power_request(type: UInt32(bitPattern: what), cpuid: cpu))
  }

  @Test func `no statistics of states`() {
    SystemMachine.run { machine in
      for what in [PMSTAT_get_max_px, PMSTAT_get_pxstat, PMSTAT_get_max_cx, PMSTAT_get_cxstat, PMSTAT_reset_cxstat] {
        #expect(Self.power(machine, XEN_SYSCTL_get_pmstat, what) == XenError.noDevice.code)
        #expect(Self.power(machine, XEN_SYSCTL_get_pmstat, what, cpu: 1) == XenError.invalid.code)
        #expect(Self.power(machine, XEN_SYSCTL_get_pmstat, what, cpu: .max) == XenError.invalid.code)
      }
      #expect(Self.power(machine, XEN_SYSCTL_get_pmstat, 0x40) == XenError.invalid.code)
    }
  }

  @Test func `no frequencies, no limit on idle states`() {
    SystemMachine.run { machine in
      for what in [GET_CPUFREQ_PARA, SET_CPUFREQ_GOV, SET_CPUFREQ_PARA, GET_CPUFREQ_AVGFREQ] {
        #expect(Self.power(machine, XEN_SYSCTL_pm_op, what) == XenError.noDevice.code)
        #expect(Self.power(machine, XEN_SYSCTL_pm_op, what, cpu: 128) == XenError.invalid.code)
      }
      let value = machine.body + UInt64(OFFSET_pm_op_value)
      for kind in 0...1 as ClosedRange<UInt32> {
        machine.put(value, UInt32(1))
        #expect(Self.power(machine, XEN_SYSCTL_pm_op, XEN_SYSCTL_pm_op_get_max_cstate, cpu: kind) == 0)
        #expect(machine.get32(value) == UInt32.max)
        #expect(Self.power(machine, XEN_SYSCTL_pm_op, XEN_SYSCTL_pm_op_set_max_cstate, cpu: kind) == 0)
        machine.put(value, UInt32(2))
        #expect(
          Self.power(machine, XEN_SYSCTL_pm_op, XEN_SYSCTL_pm_op_set_max_cstate, cpu: kind)
            == XenError.notSupported.code)
      }
      #expect(Self.power(machine, XEN_SYSCTL_pm_op, XEN_SYSCTL_pm_op_get_max_cstate, cpu: 2) == XenError.invalid.code)
      #expect(Self.power(machine, XEN_SYSCTL_pm_op, XEN_SYSCTL_pm_op_set_max_cstate, cpu: 2) == XenError.invalid.code)
      #expect(Self.power(machine, XEN_SYSCTL_pm_op, XEN_SYSCTL_pm_op_set_sched_opt_smt) == XenError.notSupported.code)
      #expect(Self.power(machine, XEN_SYSCTL_pm_op, XEN_SYSCTL_pm_op_enable_turbo) == XenError.noDevice.code)
      #expect(Self.power(machine, XEN_SYSCTL_pm_op, 0x99) == XenError.notImplemented.code)
    }
  }

  @Test func `processors stay`() {
    SystemMachine.run { machine in
      CPUs.setStarted(3)
      CPUs.setOnline(1, true)
      defer {
        CPUs.setOnline(1, false)
        CPUs.setStarted(1)
      }
      let ask = { (operation: Int32, cpu: UInt32) in
        machine.sysctl(XEN_SYSCTL_cpu_hotplug, xen_sysctl_cpu_hotplug(cpu: cpu, op: UInt32(bitPattern: operation)))
      }
      #expect(ask(XEN_SYSCTL_CPU_HOTPLUG_ONLINE, 1) == XenError.exists.code)
      #expect(ask(XEN_SYSCTL_CPU_HOTPLUG_ONLINE, 2) == XenError.notSupported.code)
      #expect(ask(XEN_SYSCTL_CPU_HOTPLUG_ONLINE, 3) == XenError.invalid.code)
      #expect(ask(XEN_SYSCTL_CPU_HOTPLUG_OFFLINE, 0) == XenError.invalid.code)
      #expect(ask(XEN_SYSCTL_CPU_HOTPLUG_OFFLINE, 1) == XenError.notSupported.code)
      #expect(ask(XEN_SYSCTL_CPU_HOTPLUG_OFFLINE, .max) == XenError.invalid.code)
      #expect(CPUs.isOnline(1))
      #expect(ask(XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE, 0) == XenError.notSupported.code)
      #expect(ask(99, 0) == XenError.notSupported.code)
    }
  }

  @Test func `pages stay, and say whether they are memory`() {
    SystemMachine.run { machine in
      machine.world.publishMemory([E820Entry(start: 0x1000, size: 0x2000, kind: 1)])
      let ask = { (command: Int32, start: UInt32, end: UInt32, at: UInt64) in
        machine.sysctl(
          XEN_SYSCTL_page_offline_op,
          martlet_page_offline_op(cmd: UInt32(bitPattern: command), start: start, end: end, padding: 0, status: at))
      }
      let query = sysctl_query_page_offline
      #expect(ask(query, 0, 3, SystemMachine.buffer) == 0)
      #expect((0..<4).map { machine.get32(SystemMachine.buffer + $0 * 4) } == [1, 4, 4, 1])
      // All of memory, in stretches; the list ends where memory does.
      let last = UInt32(machine.world.frames - 1)
      #expect(ask(query, 0, last, SystemMachine.buffer) == 0)
      #expect(ask(query, 0, last + 1, SystemMachine.buffer) == XenError.invalid.code)
      #expect(ask(query, 2, 1, SystemMachine.buffer) == XenError.invalid.code)
      #expect(ask(query, 0, .max, SystemMachine.buffer) == XenError.invalid.code)
      #expect(ask(query, 0, 1, SystemMachine.end - 4) == XenError.fault.code)
      #expect(ask(sysctl_page_offline, 1, 1, SystemMachine.buffer) == XenError.notSupported.code)
      #expect(ask(sysctl_page_online, 1, 1, SystemMachine.buffer) == XenError.notSupported.code)
      #expect(ask(0, 1, 1, SystemMachine.buffer) == XenError.notImplemented.code)
    }
  }

  @Test func `what is not built in`() {
    SystemMachine.run { machine in
      #expect(machine.sysctl(XEN_SYSCTL_tbuf_op, UInt64(0)) == XenError.notImplemented.code)
      #expect(machine.sysctl(XEN_SYSCTL_perfc_op, UInt64(0)) == XenError.notImplemented.code)
      #expect(machine.sysctl(XEN_SYSCTL_lockprof_op, UInt64(0)) == XenError.notImplemented.code)
      #expect(machine.sysctl(XEN_SYSCTL_coverage_op, UInt64(0)) == XenError.notSupported.code)
      for command in [XEN_SYSCTL_psr_cmt_op, XEN_SYSCTL_psr_alloc] {
        #expect(machine.sysctl(command, UInt64(0)) == XenError.noDevice.code)
      }
      for command in [XEN_DOMCTL_psr_cmt_op, XEN_DOMCTL_psr_alloc] {
        #expect(machine.domctl(command, 1, UInt64(0)) == XenError.noDevice.code)
      }
    }
  }

  @Test func `no live patches`() {
    SystemMachine.run { machine in
      let place = machine.body + UInt64(OFFSET_livepatch_body)
      func ask(_ command: Int32, pad: UInt32 = 0, _ list: martlet_livepatch_list = martlet_livepatch_list()) -> Int64 {
        machine.put(place, list)
        return machine.sysctl(
          XEN_SYSCTL_livepatch_op, martlet_livepatch_header(cmd: UInt32(bitPattern: command), pad: pad))
      }
      var list = martlet_livepatch_list()
      list.nr = 7
      list.name_total_size = 7
      list.metadata_total_size = 7
      #expect(ask(XEN_SYSCTL_LIVEPATCH_LIST, list) == 0)
      let told = machine.get(place, martlet_livepatch_list())
      #expect(told.nr == 0)
      #expect(told.name_total_size == 0)
      #expect(told.metadata_total_size == 0)
      #expect(ask(XEN_SYSCTL_LIVEPATCH_LIST, pad: 1) == XenError.invalid.code)
      list.pad = 1
      #expect(ask(XEN_SYSCTL_LIVEPATCH_LIST, list) == XenError.invalid.code)
      list.pad = 0
      list.idx = 1
      #expect(ask(XEN_SYSCTL_LIVEPATCH_LIST, list) == XenError.invalid.code)
      #expect(ask(XEN_SYSCTL_LIVEPATCH_GET) == XenError.noEntry.code)
      #expect(ask(XEN_SYSCTL_LIVEPATCH_ACTION) == XenError.noEntry.code)
      #expect(ask(XEN_SYSCTL_LIVEPATCH_UPLOAD) == XenError.notSupported.code)
      #expect(ask(4) == XenError.notImplemented.code)
    }
  }
}
