// SPDX-License-Identifier: Apache-2.0
// The end of the machine: Domain 0 has shut down, or the hypervisor has found a bug of its own.
import Machine
import XenABI

/// How the machine ends.
public enum MachineEnd {
  /// Domain 0 has shut down: the machine follows it.
  public static func domain0ShutDown(reason: UInt32) {
    switch reason {
    case ShutdownReason.powerOff:
      Log.write(.error, "Hardware Dom0 halted: halting machine")
      halt()
    case ShutdownReason.crash:
      Log.write(.error, "Hardware Dom0 crashed")
      end()
    case ShutdownReason.watchdog:
      Log.write(.error, "Hardware Dom0 watchdog timed out")
      end()
    default:
      Log.write(.error, "Hardware Dom0 shutdown: rebooting machine")
      reboot()
    }
  }

  /// Reboots, or halts if the `noreboot` option says so.
  static func end() -> Never {
    if Ref<Hypervisor>.isPublished, Ref<Hypervisor>.shared[].policy.reboots {
      Log.write(.error, "rebooting in five seconds")
      Ref<Hypervisor>.shared[].clock.delay(microseconds: 5_000_000)
      reboot()
    }
    Log.write(.error, "the machine is halted; reset it by hand ('noreboot' is set)")
    halt()
  }

  /// Stops all CPUs.
  public static func halt() -> Never {
    stopOthers()
    Registers.stop()
  }

  static func stopOthers() {
    for cpu in 0..<CPUs.started where cpu != CPUs.current && CPUs.isOnline(cpu) { LocalAPIC.send(.stop, to: cpu) }
  }

  /// Resets the machine: by the keyboard controller and the PCI reset port, and at last by a fault.
  public static func reboot() -> Never {
    stopOthers()
    if Ref<Hypervisor>.isPublished, Ref<Hypervisor>.shared[].policy.resetPort != 0 {
      Ports.out8(Ref<Hypervisor>.shared[].policy.resetPort, Ref<Hypervisor>.shared[].policy.resetValue)
    }
    waitForReset()
    Ports.out8(0xcf9, 2)
    Ports.out8(0xcf9, 6)
    waitForReset()
    var patience = 100_000
    while Ports.in8(0x64) & 2 != 0 && patience > 0 { patience &-= 1 }
    Ports.out8(0x64, 0xfe)
    waitForReset()
    #if !os(Linux)
      Startup.tripleFault()
    #else
      Registers.stop()
    #endif
  }

  /// Gives a reset that has been asked for the time to come.
  private static func waitForReset() {
    // Each read of a port takes about a microsecond on real machines, whatever the CPU's speed.
    for _ in 0..<200_000 { _ = Ports.in8(0x80) }
  }

  /// A bug of ours: says what is known, and ends the machine.
  public static func panic(_ why: StaticString, _ frame: Ref<TrapFrame>) -> Never {
    Log.write(.error, "****************************************")
    Log.write(.error) {
      $0.put("Panic on CPU ")
      $0.put(decimal: UInt64(CPUs.current))
      $0.put(": ")
      $0.put(why)
    }
    let f = frame[]
    GuestDump.row("rip", f.rip, "cs ", f.cs & 0xffff, "cr2", Registers.cr2)
    GuestDump.row("rsp", f.rsp, "err", UInt64(f.vector & 0xff) &<< 32 | UInt64(f.error_code), "cr3", Registers.cr3)
    GuestDump.row("rax", f.rax, "rbx", f.rbx, "rcx", f.rcx)
    GuestDump.row("rdx", f.rdx, "rsi", f.rsi, "rdi", f.rdi)
    GuestDump.row("rbp", f.rbp, "r8 ", f.r8, "r9 ", f.r9)
    GuestDump.row("r10", f.r10, "r11", f.r11, "r12", f.r12)
    Backtrace.print(rip: f.rip, rbp: f.rbp)
    if let vcpu = Ref<PhysicalCPU>.current[].vcpu { GuestDump.print(vcpu, CPUs.guestFrame[]) }
    Log.write(.error, "****************************************")
    end()
  }
}

/// What boot has decided about the machine's end.
public struct EndPolicy: BitwiseCopyable {
  /// Whether a crash reboots (no `noreboot`).
  public var reboots = true
  /// ACPI's reset register, if it is an I/O port; zero if not.
  public var resetPort: UInt16 = 0
  public var resetValue: UInt8 = 0
  /// ACPI's power management control registers, PM1a_CNT and PM1b_CNT, as I/O ports; zero if there are none.
  public var powerControlA: UInt16 = 0
  public var powerControlB: UInt16 = 0

  public init() {}
}
