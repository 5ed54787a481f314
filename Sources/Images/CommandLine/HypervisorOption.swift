// SPDX-License-Identifier: Apache-2.0
import Machine

// The table of hypervisor options: each one's name, and whether it does anything here. Names and grammar are those of
// the manual, "Xen Hypervisor Command Line Options" (4.17). An option moves to `effective` with the change that makes
// it so.

/// An option whose value is read and checked.
public enum HypervisorOption: UInt8 {
  case availableMemory, clockSource, com1, com2, console, consoleToRing, consoleRingSize, consoleSwitch, cpuFrequency
  case domain0, domain0Maximum, domain0Memory, domain0Pin, grantTable, grantFrames, grantMapFrames, guestLogLevel
  case iommu, logLevel, maximumCPUs, memory, noReboot, noSMP, pvL1TF, reboot, scheduler, smap, smep, speculation
  case synchronousConsole, transactions, transmitBuffer, tsc, microcode, watchdog, watchdogTimeout, xpti

  /// The name before the `=`.
  public var name: StaticString {
    switch self {
    case .availableMemory: "availmem"
    case .clockSource: "clocksource"
    case .com1: "com1"
    case .com2: "com2"
    case .console: "console"
    case .consoleToRing: "console_to_ring"
    case .consoleRingSize: "conring_size"
    case .consoleSwitch: "conswitch"
    case .cpuFrequency: "cpufreq"
    case .domain0: "dom0"
    case .domain0Maximum: "dom0_max_vcpus"
    case .domain0Memory: "dom0_mem"
    case .domain0Pin: "dom0_vcpus_pin"
    case .grantTable: "gnttab"
    case .grantFrames: "gnttab_max_frames"
    case .grantMapFrames: "gnttab_max_maptrack_frames"
    case .guestLogLevel: "guest_loglvl"
    case .iommu: "iommu"
    case .logLevel: "loglvl"
    case .maximumCPUs: "maxcpus"
    case .memory: "mem"
    case .noReboot: "noreboot"
    case .noSMP: "nosmp"
    case .pvL1TF: "pv-l1tf"
    case .reboot: "reboot"
    case .scheduler: "sched"
    case .smap: "smap"
    case .smep: "smep"
    case .speculation: "spec-ctrl"
    case .synchronousConsole: "sync_console"
    case .transmitBuffer: "serial_tx_buffer"
    case .transactions: "tsx"
    case .tsc: "tsc"
    case .microcode: "ucode"
    case .watchdog: "watchdog"
    case .watchdogTimeout: "watchdog_timeout"
    case .xpti: "xpti"
    }
  }

  /// False for options that are checked but change nothing.
  public var isEffective: Bool {
    switch self {
    case .com1, .console, .logLevel, .synchronousConsole, .noReboot, .maximumCPUs, .noSMP, .smap, .smep,
      .domain0Memory, .domain0Maximum, .domain0Pin, .scheduler, .consoleToRing, .grantTable, .grantFrames,
      .grantMapFrames, .clockSource, .tsc, .guestLogLevel, .consoleRingSize, .transmitBuffer, .transactions,
      .reboot, .domain0, .memory, .availableMemory:
      true
    case .consoleSwitch, .com2, .cpuFrequency, .iommu, .pvL1TF, .speculation, .microcode, .watchdog, .watchdogTimeout,
      .xpti:
      false
    }
  }

  /// True for options that may stand alone, and after `no-`, as in `sync_console` and `no-smap`.
  var isBoolean: Bool {
    switch self {
    case .consoleToRing, .domain0Pin, .iommu, .noReboot, .noSMP, .pvL1TF, .smap, .smep, .speculation,
      .synchronousConsole, .transactions,
      .watchdog, .xpti, .cpuFrequency:
      true
    default:
      false
    }
  }

  /// The option whose name fills `range`, or nil.
  static func named(_ range: Range<Int>, in line: Span<UInt8>) -> HypervisorOption? {
    var number: UInt8 = 0
    while let option = HypervisorOption(rawValue: number) {
      if line.equals(range, option.name) { return option }
      number += 1
    }
    return nil
  }
}

/// The manual's other options for x86, which are accepted with any value and change nothing. Separated by blanks.
private let otherOptions: StaticString =
  """
  acpi acpi_apic_instance acpi_pstate_strict acpi_skip_timer_override acpi_sleep altp2m apic apicv apic_verbosity \
  arat argo asid async-show-all ats badpage bootscrub bootscrub_chunk cet cmci-threshold cmos-rtc-probe \
  console_timestamps core_parking cpu_type cpuid cpuid_mask_cpu cpuid_mask_ecx cpuid_mask_edx cpuid_mask_ext_ecx \
  cpuid_mask_ext_edx cpuid_mask_l7s0_eax cpuid_mask_l7s0_ebx cpuid_mask_thermal_ecx cpuid_mask_xsave_eax cpuidle \
  cpuinfo crash-debug-debugkey crash-debug-hwdom crash-debug-kexeccmd crash-debug-panic crash-debug-watchdog \
  crashinfo_maxaddr crashkernel credit2_balance_over credit2_balance_under credit2_cap_period_ms \
  credit2_load_precision_shift credit2_load_window_shift credit2_runqueue dbgp debug_stack_lines debugtrace dit \
  dma_bits dom0-cpuid dom0-iommu dom0_ioports_disable dom0_nodes e820-mtrr-clip e820-verbose edd edid efi ept \
  extra_guest_irqs flask font force-ept gdb global-pages hap hap_1gb hap_2mb hardware_dom hest_disable highmem-start \
  hpet hpetbroadcast hvm_debug hvm_fep hvm_port80 idle_latency_factor invpcid ioapic_ack iommu_dev_iotlb_timeout \
  iommu_inclusive_mapping irq-max-guests irq_ratelimit irq_vector_map ivmd lapic lapic_timer_c2_ok ler low_crashinfo \
  low_mem_virq_limit max_cstate max_gsi_irqs mce mce_fb mce_verbosity memop-max-order mmcfg mmio-relax msi mtrr.show \
  mwait-idle nmi noapic noirqbalance nolapic no-real-mode nr_irqs numa pci pci-phantom pcid pku ple_gap ple_window \
  preferred-cstates psr pv pv-linear-pt pv-shim rcu-idle-timer-period-ms rmrr ro-hpet sched-gran \
  sched_credit2_max_cpus_runqueue sched_credit2_migrate_resist sched_credit_tslice_ms sched_ratelimit_us \
  sched_smt_power_savings scrub-domheap shim_mem smt snb_igd_quirk tboot tbuf_size tdt tevt_mask \
  tickle_one_idle_cpu timer_slop unrestricted_guest vcpu_migration_delay vesa-ram vga \
  viridian-spinlock-retry-count viridian-version vm-notify-window vpid vpmu x2apic x2apic_phys xsave xsm
  """

extension Span where Element == UInt8 {
  /// True when `range` is the name of an option that is accepted without a look at its value.
  func isOtherOption(_ range: Range<Int>) -> Bool { isWord(range, in: otherOptions) }

  /// True when the bytes of `range` are one of the words, separated by blanks, of a list.
  func isWord(_ range: Range<Int>, in list: StaticString) -> Bool {
    let total = list.utf8CodeUnitCount
    if range.isEmpty || range.upperBound > count { return false }
    var start = 0
    while start < total {
      var end = start
      while end < total, list.byte(end) != UInt8(ascii: " ") { end += 1 }
      if end - start == range.count {
        var length = 0
        while length < range.count, self[range.lowerBound + length] == list.byte(start + length) { length += 1 }
        if length == range.count { return true }
      }
      start = end + 1
    }
    return false
  }
}
