// SPDX-License-Identifier: Apache-2.0
//
// What single GuestKit guests need beyond the plain machine (one CPU, 256 MiB), and what their machines must do that do not
// say PASS but announce their end. The contract between guests and their runner is in Sources/GuestTests/README.md.

/// An end that a guest announces, `GUEST name: ENDS so`, and that its machine must then be seen to have.
public enum GuestEnding: String, Sendable, CaseIterable {
  /// SHUTDOWN_poweroff by Domain 0: the machine halts, and stays.
  case poweroff
  /// SHUTDOWN_reboot: the machine restarts, which ends QEMU (`-no-reboot`).
  case reboot
  /// SHUTDOWN_crash: told, and the machine restarts.
  case crash
  /// The hypervisor finds that the guest did what no guest may: told with its reason, and then as a crash.
  case fault
  /// The watchdog has fired: told, and the machine restarts.
  case watchdog

  /// What the hypervisor says of it, in order.
  public func words(onXen: Bool) -> [String] {
    switch self {
    case .poweroff: return ["Hardware Dom0 halted: halting machine"]
    case .reboot: return ["Hardware Dom0 shutdown: rebooting machine"]
    case .crash: return ["Hardware Dom0 crashed"]
    case .fault: return [onXen ? "Domain 0 (vcpu#0) crashed on cpu#0:" : "domain 0 crashed: ", "Hardware Dom0 crashed"]
    case .watchdog:
      return onXen
        ? ["Watchdog timer fired for domain 0", "Hardware Dom0 shutdown: watchdog rebooting machine"]
        : ["Hardware Dom0 watchdog timed out"]
    }
  }

  /// What the machine does.
  public var machine: BootEnding { self == .poweroff ? .machineStays : .machineStops }
}

/// A guest's machine and ending.
public struct GuestNeeds: Sendable {
  public var cpus = 1
  /// QEMU's name of the processor, where another than the usual one matters.
  public var model: String?
  /// Added to the hypervisor's command line.
  public var hypervisorOptions = ""
  /// The machine's clock counts instructions, so that what is timed repeats exactly.
  public var countsInstructions = false
  /// What the console has to show, in order; empty for the usual "GUEST name: PASS".
  public var expected: [String] = []
  /// What Debian's Xen shows instead; empty for the same.
  public var expectedOnXen: [String] = []
  /// The end that the guest announces in the place of PASS; nil for a guest that says PASS.
  public var ending: GuestEnding?
  /// What it says between the announcement and its end.
  public var lastWords: [String] = []

  init(_ change: (inout GuestNeeds) -> Void = { _ in }) { change(&self) }

  /// The needs of the guest with this name.
  public static func of(_ name: String) -> GuestNeeds {
    if let special = specials[name] { return special }
    // These measure Martlet's own stretches, in instructions.
    if name.hasPrefix("stretch-") {
      return GuestNeeds {
        $0.countsInstructions = true
        $0.expectedOnXen = ["GUEST \(name): FAIL the key tells of stretches"]
      }
    }
    // Guests of several vCPUs say so in their name.
    return name.hasPrefix("smp-") ? GuestNeeds { $0.cpus = 2 } : GuestNeeds()
  }

  private static let specials: [String: GuestNeeds] = [
    "shutdown-poweroff": GuestNeeds { $0.ending = .poweroff },
    "shutdown-reboot": GuestNeeds { $0.ending = .reboot },
    "shutdown-crash": GuestNeeds { $0.ending = .crash },
    "crash-unhandled-trap": GuestNeeds { $0.ending = .fault },
    "crash-bad-stack": GuestNeeds { $0.ending = .fault },
    // Not before its second is over.
    "watchdog-fires": GuestNeeds {
      $0.ending = .watchdog
      $0.lastWords = ["GUEST watchdog-fires: runs after 900 ms"]
    },
    // A model with UMIP, with which these instructions fault.
    "table-stores": GuestNeeds {
      $0.model = "EPYC-Rome,-smap"
      // Xen leaves them to the CPU.
      $0.expectedOnXen = ["GUEST table-stores: FAIL"]
    },
    // Two vCPUs on one CPU.
    "failsafe": GuestNeeds { $0.hypervisorOptions = "dom0_max_vcpus=2" },
    // The same: on a CPU each, registers would never be switched.
    "smp-fpu": GuestNeeds { $0.hypervisorOptions = "dom0_max_vcpus=2" },
    // FXSAVE, of which QEMU knows that it minds TS.
    "smp-fpu-taskswitch": GuestNeeds {
      $0.hypervisorOptions = "dom0_max_vcpus=2"
      $0.model = "qemu64"
    },
    "smp-tsc-aux": GuestNeeds { $0.hypervisorOptions = "dom0_max_vcpus=2" },
    "msr-relaxed": GuestNeeds { $0.hypervisorOptions = "dom0=msr-relaxed" },
    "smp-cr4": GuestNeeds { $0.hypervisorOptions = "dom0_max_vcpus=2" },
    // With separate page tables for user mode Xen leaves the table readable all the same.
    "user-m2p-strict": GuestNeeds { $0.expectedOnXen = ["GUEST user-m2p-strict: FAIL vector: expected 0xe, saw 0x6"] },
    // QEMU 7.2 gives `int n` through a closed gate a wrong error code, by which Xen cannot tell the vector.
    "software-interrupt": GuestNeeds {
      $0.expectedOnXen = ["GUEST software-interrupt: FAIL int 0x90: vector: expected 0x90, saw 0xd"]
    },
    "software-interrupt-kernel": GuestNeeds {
      $0.expectedOnXen = ["GUEST software-interrupt-kernel: FAIL int 0x90: expected 0x90, saw 0xd"]
    },
  ]
}
