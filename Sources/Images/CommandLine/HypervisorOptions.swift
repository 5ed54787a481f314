// SPDX-License-Identifier: Apache-2.0

// The hypervisor's command line as values. A field whose option was not given keeps the manual's default; a later
// option replaces an earlier one.

/// Where the console goes.
public struct ConsoleSet: OptionSet {
  /// One bit per device.
  public let rawValue: UInt8

  /// A set from its bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The first serial port.
  public static let com1 = ConsoleSet(rawValue: 1)
  /// The second serial port.
  public static let com2 = ConsoleSet(rawValue: 2)
  /// The screen.
  public static let vga = ConsoleSet(rawValue: 4)

  // Literals of sets are arrays first, which a build without a heap refuses: hence these two.

  /// No console.
  public static var none: ConsoleSet { ConsoleSet(rawValue: 0) }
  /// The default: the first serial port and the screen.
  static let standard = ConsoleSet(rawValue: 5)
}

/// How to restart the machine (`reboot=`).
public enum RebootMethod {
  /// ACPI's reset register if there is one, then the keyboard controller, then a triple fault.
  case automatic
  /// A triple fault.
  case tripleFault
  /// The keyboard controller.
  case keyboard
  /// The reset register of the FADT.
  case acpi
  /// Port 0xcf9, reset.
  case pci
  /// Port 0xcf9, power cycle.
  case power
}

/// The platform timer (`clocksource=`).
public enum ClockSource {
  /// The 8254.
  case pit
  /// The high precision event timer.
  case hpet
  /// The ACPI power management timer.
  case acpi
  /// The time stamp counter.
  case tsc
}

/// What the hypervisor can do at most, and at least, where the manual's options know no bounds or others. A value outside is
/// replaced by the nearest inside, and that is reported.
public struct OptionLimits {
  /// Of `gnttab_max_frames=`.
  public var grantFrames = 0...Int.max
  /// Of `gnttab_max_maptrack_frames=`.
  public var grantMapFrames = 0...Int.max
  /// Of `maxcpus=`.
  public var cpus = Int.max
  /// Of `dom0_max_vcpus=`.
  public var domain0VCPUs = Int.max
  /// Of `conring_size=` in bytes: powers of two.
  public var consoleRing: ClosedRange<UInt64> = 1...(1 << 62)
  /// Of `serial_tx_buffer=` in bytes: powers of two.
  public var transmitBuffer: ClosedRange<UInt64> = 1...(1 << 62)

  /// No limits.
  public init() {}
}

/// The values of the hypervisor's command line.
public struct HypervisorOptions {
  /// `com1=`; nil when not given.
  public internal(set) var com1: SerialSettings?
  /// `com2=`; nil when not given.
  public internal(set) var com2: SerialSettings?
  /// `console=`; empty for `none`.
  public internal(set) var console = ConsoleSet.standard
  /// `console_to_ring`
  public internal(set) var consoleToRing = false
  /// `conring_size=` in bytes, a power of two; nil when not given.
  public internal(set) var consoleRingSize: UInt64?
  /// `serial_tx_buffer=` in bytes, a power of two; nil when not given.
  public internal(set) var transmitBufferSize: UInt64?
  /// `conswitch=`: the letter that, with CTRL, switches the input; nil for none.
  public internal(set) var consoleSwitch: UInt8? = UInt8(ascii: "a")
  /// False with `conswitch=ax`: the input stays with the hypervisor when Domain 0 starts.
  public internal(set) var givesConsoleToDomain0 = true
  /// `sync_console`
  public internal(set) var synchronousConsole = false
  /// `loglvl=`
  public internal(set) var logLevels = LogLevels(always: .warning, rateLimited: .warning)
  /// `guest_loglvl=`
  public internal(set) var guestLogLevels = LogLevels(always: .none, rateLimited: .warning)
  /// `dom0_mem=`
  public internal(set) var domain0Memory = Domain0Memory()
  /// `dom0_max_vcpus=`
  public internal(set) var domain0VCPUs = VCPUCount.asCPUs
  /// `dom0_vcpus_pin`
  public internal(set) var pinsDomain0 = false
  /// `dom0=msr-relaxed`
  public internal(set) var domain0MSRRelaxed = false
  /// `noreboot`, or `reboot=no`: halt instead of restarting after an error.
  public internal(set) var noReboot = false
  /// `reboot=`
  public internal(set) var rebootMethod = RebootMethod.automatic
  /// `reboot=warm`
  public internal(set) var warmReboot = false
  /// `maxcpus=`, or 1 with `nosmp`; nil for all.
  public internal(set) var maximumCPUs: Int?
  /// `mem=`: RAM at and above this physical address is ignored; nil for no limit.
  public internal(set) var memoryLimit: UInt64?
  /// `availmem=`: bytes of RAM to use at most; nil for all.
  public internal(set) var availableMemory: UInt64?
  /// `smap=`; false also for `hvm`, nil for where it works.
  public internal(set) var smap: Bool?
  /// `smep=`; false also for `hvm`.
  public internal(set) var smep = true
  /// `tsx=`: whether transactions stay on.
  public internal(set) var tsx = false
  /// `clocksource=`; nil for the best there is.
  public internal(set) var clockSource: ClockSource?
  /// `tsc=unstable` or `tsc=skewed`
  public internal(set) var doubtsCounter = false
  /// `gnttab=max-ver:`, 1 or 2.
  public internal(set) var grantTableVersion = 2
  /// `gnttab_max_frames=`
  public internal(set) var grantFrames = 64
  /// `gnttab_max_maptrack_frames=`
  public internal(set) var grantMapFrames = 1024

  /// What the person should be told.
  public internal(set) var reports = OptionReports()
  /// What follows a word `--`, as offsets into the command line: not for the hypervisor. (Boot loader scripts append to
  /// the end of a line; a person marks there what is meant for Domain 0.)
  public internal(set) var domain0Arguments: Range<Int>?
  /// The image's name, where the boot loader put it in front of the options, as `qemu -kernel` does.
  public internal(set) var imageName: Range<Int>?

  /// What values have to keep to.
  let limits: OptionLimits

  /// The defaults, as without a command line.
  public init(limits: OptionLimits = OptionLimits()) { self.limits = limits }
}
