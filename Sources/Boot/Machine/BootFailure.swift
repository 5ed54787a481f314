// SPDX-License-Identifier: Apache-2.0
// When the machine cannot be set up: one line that says what is wrong and what to do, and then the end.
import Domains
import Images
import Machine

/// The end of a boot that cannot go on.
enum BootFailure {
  /// Says why, then halts, or reboots unless `noreboot` was given.
  static func stop(_ why: StaticString, _ detail: StaticString = "") -> Never {
    var line = TextLine()
    line.put("Martlet cannot go on: ")
    line.put(why)
    line.put(detail)
    if Ref<Console>.isPublished {
      Ref<Console>.shared.write(line)
    } else {
      EarlyConsole.write(line)
    }
    if BootPolicy.reboots {
      EarlyConsole.say("rebooting in five seconds ('noreboot' stops that)")
      EarlyConsole.wait(seconds: 5)
      MachineEnd.reboot()
    }
    EarlyConsole.say("halted; reset the machine by hand")
    Registers.stop()
  }
}

/// What the command line says of the end of a failed boot; kept where it can be read before anything is set up.
enum BootPolicy {
  static var reboots: Bool {
    get { BootFlags.value & 1 == 0 }
    set { set(1, !newValue) }
  }
  /// Whether CPUs are to use SMEP and SMAP where they have them.
  static var usesSMEP: Bool {
    get { BootFlags.value & 2 == 0 }
    set { set(2, !newValue) }
  }
  static var usesSMAP: Bool {
    get { BootFlags.value & 4 == 0 }
    set { set(4, !newValue) }
  }

  /// Whether transactions stay on where they can be switched off.
  static var usesTSX: Bool {
    get { BootFlags.value & 8 == 0 }
    set { set(8, !newValue) }
  }

  private static func set(_ bit: UInt64, _ on: Bool) {
    BootFlags.value = on ? BootFlags.value | bit : BootFlags.value & ~bit
  }
}
