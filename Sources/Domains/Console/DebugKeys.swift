// SPDX-License-Identifier: Apache-2.0
// Keys for a person at the serial console, once CTRL-a has been pressed three times.
import Frames
import Machine
import Scheduling
import XenABI

/// The debug keys.
public enum DebugKeys {
  /// Not keys: the keyboard has just become ours, or Domain 0's again.
  static let entered: UInt8 = 0xfe
  static let left: UInt8 = 0xff

  /// Does what a key asks for. On the CPU that took it.
  public static func press(_ key: UInt8) {
    if key > 32 && key < 127 {
      Log.write(.error) {
        $0.put("'")
        $0.put(byte: key)
        $0.put("' pressed")
      }
    }
    switch key {
    case entered: say("input goes to Martlet ('h' for help; CTRL-a three times to go back to Domain 0)")
    case left: say("input goes to Domain 0 (CTRL-a three times for Martlet)")
    case UInt8(ascii: "h"): help()
    case UInt8(ascii: "d"): registers()
    case UInt8(ascii: "q"): domains()
    case UInt8(ascii: "r"): runQueues()
    case UInt8(ascii: "t"): time()
    case UInt8(ascii: "e"): eventChannels()
    case UInt8(ascii: "g"): grants()
    case UInt8(ascii: "s"): stretches()
    case UInt8(ascii: "C"): crash()
    case UInt8(ascii: "R"): MachineEnd.reboot()
    case 10, 13: break
    default: say("no such key; 'h' lists them")
    }
  }

  static func say(_ text: StaticString) { Log.write(.error, text) }

  private static func help() {
    say("h  this list")
    say("d  registers of the CPUs' guests")
    say("q  domains and their vCPUs, each of which gets VIRQ_DEBUG")
    say("r  run queues")
    say("t  time")
    say("e  event channels")
    say("g  grant tables")
    say("s  the longest stretch with interrupts off of each CPU since this key was last pressed")
    say("C  crash the hypervisor, to see how it tells")
    say("R  reboot the machine")
  }

  /// A failed check of ours, as a bug would cause it.
  @inline(never)
  private static func crash() -> Never {
    say("crashing the hypervisor")
    preconditionFailure("asked for by a debug key")
  }

  private static func forEachDomain(_ body: (Ref<Domain>) -> Void) {
    let table = Ref<Hypervisor>.shared
    for id in 0..<min(table[].domains.capacity, Int(DomainID.firstReserved)) {
      if let domain = table[].domains.find(DomainID(UInt16(id))) { body(domain) }
    }
  }

  private static func registers() {
    GuestDump.current()
    for number in 0..<CPUs.started where number != CPUs.current {
      guard let cpu = Ref<Hypervisor>.shared[].cpus[number], let vcpu = cpu[].vcpu else { continue }
      Log.write(.error) {
        $0.put("CPU ")
        $0.put(decimal: UInt64(number))
        $0.put(cpu[].isIdle ? ", idle; it last ran" : ", as it last entered the hypervisor:")
      }
      GuestDump.print(vcpu, PanicState.guestFrame(of: number)[])
    }
    forEachDomain { domain in
      for index in 0..<domain[].maximumVCPUs {
        guard let vcpu = domain[].vcpu(index: index), vcpu[].isInitialised, !isOnSomeCPU(vcpu) else { continue }
        GuestDump.print(vcpu, vcpu[].registers)
      }
    }
  }

  /// Whether a CPU has the vCPU's registers, so that its record's are out of date.
  private static func isOnSomeCPU(_ vcpu: Ref<VCPU>) -> Bool {
    for number in 0..<CPUs.started {
      if let cpu = Ref<Hypervisor>.shared[].cpus[number], cpu[].vcpu == vcpu { return true }
    }
    return false
  }

  private static func domains() {
    forEachDomain { domain in
      Log.write(.error) {
        $0.put("domain ")
        $0.put(decimal: UInt64(domain[].id.raw))
        $0.put(": ")
        $0.put(decimal: ledger[].accounts.owned(domain[].id))
        $0.put(" frames of ")
        $0.put(decimal: ledger[].accounts.limit(domain[].id))
        $0.put(", ")
        $0.put(decimal: UInt64(domain[].maximumVCPUs))
        $0.put(" vCPUs, paused ")
        $0.put(decimal: domain[].pauseCount.load())
      }
      for index in 0..<domain[].maximumVCPUs {
        guard let vcpu = domain[].vcpu(index: index) else { continue }
        Log.write(.error) {
          $0.put("  vCPU ")
          $0.put(decimal: UInt64(index))
          $0.put(" on CPU ")
          $0.put(decimal: vcpu[].cpu.load())
          $0.put(vcpu[].isRunning.load() != 0 ? ", running" : ", not running")
          $0.put(", holds ")
          $0.put(hex: vcpu[].holds.load())
          $0.put(vcpu[].info.isPending ? ", upcall pending" : "")
          $0.put(vcpu[].info.isMasked ? ", events masked" : "")
        }
        // A kernel that has asked for it says on its own console what it knows of itself.
        Events.raise(virq: VirtualInterrupt.debug, vcpu: vcpu)
      }
    }
  }

  private static func runQueues() {
    for number in 0..<CPUs.started {
      guard let cpu = Ref<Hypervisor>.shared[].cpus[number] else { continue }
      let (count, weight) = cpu[].queue.withLock { (UInt64($0.runnableCount), $0.runnableWeight) }
      Log.write(.error) {
        $0.put("CPU ")
        $0.put(decimal: UInt64(number))
        $0.put(": ")
        $0.put(decimal: count)
        $0.put(" runnable of weight ")
        $0.put(decimal: weight)
        $0.put(cpu[].isIdle ? ", idle" : "")
      }
    }
  }

  private static func time() {
    let clock = Ref<PhysicalCPU>.current[].clock
    Log.write(.error) {
      $0.put("system time ")
      $0.put(decimal: clock.now)
      $0.put(" ns, counter at ")
      $0.put(decimal: clock.hertz / 1000)
      $0.put(" kHz")
    }
    for number in 0..<CPUs.started {
      guard let cpu = Ref<Hypervisor>.shared[].cpus[number] else { continue }
      Log.write(.error) {
        $0.put("CPU ")
        $0.put(decimal: UInt64(number))
        $0.put(": timer set for ")
        $0.put(decimal: cpu[].timerDeadline)
      }
    }
  }

  /// Says what each CPU's longest stretch was, and begins anew; the first time it only begins.
  private static func stretches() {
    let hypervisor = Ref<Hypervisor>.shared
    if !Stretch.isMeasured {
      Stretch.startMeasuring()
      for number in 0..<CPUs.started {
        guard let cpu = hypervisor[].cpus[number] else { continue }
        cpu[].work.fetchOr(CPUWork.measure)
      }
      return say("stretches with interrupts off are measured from now on")
    }
    for number in 0..<CPUs.started where CPUs.isOnline(number) {
      let (ticks, cause) = Stretch.takeLongest(of: number)
      Log.write(.error) {
        $0.put("CPU ")
        $0.put(decimal: UInt64(number))
        $0.put(": longest stretch ")
        $0.put(decimal: hypervisor[].clock.scale.nanoseconds(ticks))
        $0.put(" ns, ")
        $0.put(cause.isCall ? "call " : "vector ")
        $0.put(decimal: cause.number)
        if cause.isCall {
          $0.put(" with ")
          $0.put(hex: cause.argument)
        }
      }
    }
    // Saying it has taken longer than anything that is looked for.
    Stretch.resume()
  }

  private static func eventChannels() {
    forEachDomain { domain in
      Log.write(.error) {
        $0.put("event channels of domain ")
        $0.put(decimal: UInt64(domain[].id.raw))
      }
      for port in 0..<Events.portCount(domain) {
        var line = TextLine()
        if Events.describe(domain, port: EventPort(port), into: &line) { Ref<Console>.shared.write(line) }
      }
    }
  }

  private static func grants() {
    forEachDomain { domain in
      domain[].grants.withLock { table in
        var summary = TextLine()
        table.writeSummary(to: &summary)
        Ref<Console>.shared.write(summary)
        var index = 0
        // As many lines as a person can read.
        for _ in 0..<200 {
          var line = TextLine()
          guard let next = table.writeLine(from: index, to: &line) else { break }
          if line.count > 0 { Ref<Console>.shared.write(line) }
          index = next
        }
      }
    }
  }
}
