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
    flushConsole()
    if Ref<Hypervisor>.isPublished, Ref<Hypervisor>.shared[].policy.reboots {
      Log.write(.error, "rebooting in five seconds")
      Ref<PhysicalCPU>.current[].clock.delay(microseconds: 5_000_000)
      reboot()
    }
    Log.write(.error, "the machine is halted; reset it by hand ('noreboot' is set)")
    halt()
  }

  /// Stops all CPUs.
  public static func halt() -> Never {
    flushConsole()
    stopOthers()
    Registers.stop()
  }

  /// All that was said is to be seen before the machine ends.
  private static func flushConsole() {
    if Ref<Console>.isPublished { Ref<Console>.shared.goSynchronous() }
  }

  static func stopOthers() {
    // In a panic they have been stopped by other means already.
    if PanicState.isUnderway { return }
    for cpu in 0..<CPUs.started where cpu != CPUs.current && CPUs.isOnline(cpu) { LocalAPIC.send(.stop, to: cpu) }
  }

  /// Resets the machine by the way that `reboot=` names, then by the others in their order.
  public static func reboot() -> Never {
    flushConsole()
    stopOthers()
    let policy = Ref<Hypervisor>.isPublished ? Ref<Hypervisor>.shared[].policy : EndPolicy()
    if policy.isWarm { sayWarm() }
    let ways = ResetWay.order(first: policy.firstWay)
    for index in ways.indices {
      ask(ways[index], policy)
      waitForReset()
    }
    Registers.stop()
  }

  private static func ask(_ way: ResetWay, _ policy: EndPolicy) {
    switch way {
    case .acpi: if policy.resetPort != 0 { Ports.out8(policy.resetPort, policy.resetValue) }
    case .pci:
      Ports.out8(ResetWay.controlPort, ResetWay.hard)
      Ports.out8(ResetWay.controlPort, ResetWay.hard | ResetWay.now)
    case .power:
      Ports.out8(ResetWay.controlPort, ResetWay.hard | ResetWay.full)
      Ports.out8(ResetWay.controlPort, ResetWay.hard | ResetWay.full | ResetWay.now)
    case .keyboard:
      var patience = 100_000
      while Ports.in8(0x64) & 2 != 0 && patience > 0 { patience &-= 1 }
      Ports.out8(0x64, 0xfe)
    case .tripleFault:
      #if !os(Linux)
        Startup.tripleFault()
      #else
        break
      #endif
    }
  }

  /// The BIOS data area's word at 0x472 tells the firmware whether memory is to be tested: 0x1234 for a warm start.
  private static func sayWarm() {
    PhysicalWindow.store8(MachineFrame(0), byte: 0x472, 0x34)
    PhysicalWindow.store8(MachineFrame(0), byte: 0x473, 0x12)
  }

  /// Gives a reset that has been asked for the time to come.
  private static func waitForReset() {
    // Each read of a port takes about a microsecond on real machines, whatever the CPU's speed.
    for _ in 0..<200_000 { _ = Ports.in8(0x80) }
  }
}

/// What boot has decided about the machine's end.
public struct EndPolicy: BitwiseCopyable {
  /// Whether a crash reboots (no `noreboot`).
  public var reboots = true
  /// The way to reset the machine that is tried first (`reboot=`); nil for the usual order.
  public var firstWay: ResetWay?
  /// Whether the firmware is told to start warm (`reboot=warm`).
  public var isWarm = false
  /// ACPI's reset register, if it is an I/O port; zero if not.
  public var resetPort: UInt16 = 0
  /// What is written to it to reset the machine.
  public var resetValue: UInt8 = 0
  /// ACPI's power management control registers, PM1a_CNT and PM1b_CNT, as I/O ports; zero if there are none.
  public var powerControlA: UInt16 = 0
  /// PM1b_CNT; zero if there is none.
  public var powerControlB: UInt16 = 0

  /// The defaults, as without ACPI.
  public init() {}
}
