// SPDX-License-Identifier: Apache-2.0
// The interrupt controller inside each CPU: interrupts between CPUs, the one-shot timer, acknowledgement.
import CMachine

/// Interrupt vectors that the hypervisor keeps for itself. 0x20 to 0xdf are given to devices.
public enum HypervisorVector: UInt8 {
  case timer = 0xf0
  /// Another CPU has left work for this one.
  case wake = 0xf1
  /// Another CPU waits for a TLB flush.
  case flush = 0xf2
  /// Another CPU has panicked.
  case stop = 0xf3
  case error = 0xfe
  case spurious = 0xff
}

/// The local APIC of the CPU that runs this, through its memory-mapped registers.
public enum LocalAPIC {
  static let defaultAddress: UInt64 = 0xfee0_0000
  /// Where the registers are mapped: a fixed page of the hypervisor's own space, uncached.
  static var base: UInt64 { HypervisorSpace.localAPIC }

  static func read(_ register: UInt64) -> UInt32 { martlet_mmio_read32(base &+ register) }
  static func write(_ register: UInt64, _ value: UInt32) { martlet_mmio_write32(base &+ register, value) }

  /// This CPU's identifier.
  public static var id: UInt32 { read(0x20) &>> 24 }

  /// Enables the APIC of this CPU: spurious vector, everything local masked except the timer, which is stopped.
  public static func enable() {
    useRegistersInMemory()
    write(0xe0, 0xffff_ffff)  // flat destination format
    write(0xd0, 1 &<< 24)
    write(0x320, 0x1_0000 | UInt32(HypervisorVector.timer.rawValue))
    write(0x340, 0x1_0000)
    write(0x350, 0x1_0000)
    write(0x360, 0x400)  // LINT1: NMI
    write(0x370, UInt32(HypervisorVector.error.rawValue))
    write(0x80, 0)
    write(0x3e0, 0xb)  // count at the full rate
    write(0x380, 0)
    write(0x320, UInt32(HypervisorVector.timer.rawValue))
    write(0x280, 0)
    write(0xf0, 0x100 | UInt32(HypervisorVector.spurious.rawValue))
    acknowledge()
  }

  /// Has the APIC of this CPU be on, with its registers where they are expected in memory. Firmware may have left it in register
  /// mode (x2APIC), from which the way back leads through off. It has nothing to do where all is well, as on most machines.
  private static func useRegistersInMemory() {
    let register = MSRNumber.apicBase
    let (registerMode, on): (UInt64, UInt64) = (1 &<< 10, 1 &<< 11)
    guard let found = Registers.msr(register) else { return }
    let wanted = defaultAddress | found & 0x100 | on
    guard found & 0xf_ffff_ffff_fe00 != wanted & ~0x1ff else { return }
    if found & registerMode != 0 { Registers.setMSR(register, wanted & ~on) }
    Registers.setMSR(register, wanted)
  }

  /// Ends the interrupt in service with the highest priority.
  @inlinable public static func acknowledge() {
    #if !os(Linux)
      martlet_mmio_write32(HypervisorSpace.localAPIC &+ 0xb0, 0)
    #endif
  }

  /// Starts the one-shot timer with a count in timer ticks; zero stops it.
  public static func setTimer(count: UInt32) {
    #if !os(Linux)
      write(0x380, count)
    #endif
  }

  /// What is left of the timer's count.
  public static var timerCount: UInt32 { read(0x390) }

  /// Whether a vector waits to be taken by this CPU.
  public static func isPending(_ vector: UInt8) -> Bool {
    read(0x200 &+ UInt64(vector &>> 5) &* 16) &>> UInt32(vector & 31) & 1 != 0
  }

  /// Sends a vector to another CPU.
  public static func send(_ vector: HypervisorVector, to cpu: Int) {
    #if os(Linux)
      Simulation.send(vector, to: cpu)
    #else
      command(CPUs.apicID(cpu), UInt32(vector.rawValue))
    #endif
  }

  /// Sends a vector from the handler of a non-maskable interrupt, which may have come in the middle of another command: the
  /// destination that was being written is put back.
  public static func sendFromNMI(_ vector: HypervisorVector, to cpu: Int) {
    #if !os(Linux)
      let destination = read(0x310)
      command(CPUs.apicID(cpu), UInt32(vector.rawValue))
      var patience = 1_000_000
      while read(0x300) & 0x1000 != 0 && patience > 0 {
        patience &-= 1
        martlet_pause()
      }
      write(0x310, destination)
    #endif
  }

  /// Sends a non-maskable interrupt to another CPU.
  public static func sendNMI(to cpu: Int) { command(CPUs.apicID(cpu), 0x400) }

  /// The INIT and start-up sequence's two commands.
  public static func sendInit(apicID: UInt32) { command(apicID, 0x4500) }
  /// Starts a CPU after INIT, in real mode at page `page`.
  public static func sendStartUp(apicID: UInt32, page: UInt8) { command(apicID, 0x4600 | UInt32(page)) }

  static func command(_ destination: UInt32, _ low: UInt32) {
    var patience = 1_000_000
    while read(0x300) & 0x1000 != 0 && patience > 0 {
      patience &-= 1
      martlet_pause()
    }
    write(0x310, destination &<< 24)
    write(0x300, low)
  }
}
