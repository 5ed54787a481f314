// SPDX-License-Identifier: Apache-2.0
// Starting the other CPUs, one after the other.
import Domains
import Machine

/// The start of CPUs.
public enum CPUStart {
  /// Starts all CPUs of the list; gives how many run, the first one included. `trampoline` is a free page below 1 MiB, where CPUs
  /// begin: real mode reaches no further. It is not needed afterwards. Says in `trust` if the CPUs' counters differ.
  static func all(_ processors: ProcessorList, trampoline: MachineFrame?, _ trust: inout CounterTrust) -> Int {
    guard let first = Ref<Hypervisor>.shared[].cpus[0] else { preconditionFailure("no first CPU") }
    first.bindToCurrentCPU()
    first[].area.bind(record: first)
    CPUs.setOnline(0, true)
    CPUs.setStarted(1)
    guard processors.count > 1 else { return 1 }
    guard let trampoline else {
      Log.write(.error, "no page below 1 MiB is free for other CPUs to start from; going on with one CPU")
      return 1
    }
    Startup.placeTrampoline(at: trampoline)
    let clock = first[].clock
    var running = 1
    for number in 1..<processors.count {
      guard let cpu = Ref<Hypervisor>.shared[].cpus[number] else { continue }
      Ref<Hypervisor>.shared[].counterHandshake.prepare()
      Startup.prepare(root: Ref<Hypervisor>.shared[].tables.root, area: cpu[].area, record: cpu)
      Startup.start(apicID: processors.apicIDs[number], page: UInt8(trampoline.number)) {
        clock.delay(microseconds: $0)
      }
      compareCounters(cpu, clock, &trust)
      var patience = 1000
      while !CPUs.isOnline(number) && patience > 0 {
        clock.delay(microseconds: 1000)
        patience &-= 1
      }
      guard CPUs.isOnline(number) else {
        Log.write(.error) {
          $0.put("CPU ")
          $0.put(decimal: UInt64(number))
          $0.put(" does not start; going on without it and those after it")
        }
        // Numbers have no gaps.
        break
      }
      running &+= 1
    }
    return running
  }

  /// Compares a CPU's counter with ours as soon as it is there, for some milliseconds from then on.
  private static func compareCounters(_ cpu: Ref<PhysicalCPU>, _ clock: SystemClock, _ trust: inout CounterTrust) {
    let (start, patience, enough) = (clock.now, UInt64(1_000_000_000), UInt64(5_000_000))
    let difference = Ref<Hypervisor>.shared[].counterHandshake.ask { rounds in
      clock.now &- start > (rounds == 0 ? patience : enough)
    }
    cpu[].counterOffset = difference.assumed
    cpu[].clock = clock.shifted(by: UInt64(bitPattern: difference.assumed))
    Ref<Hypervisor>.shared[].counterHandshake.finish()
    guard difference.rounds > 0, !difference.mayBeNone else { return }
    trust.isSkewed = true
    Log.write(.warning) {
      $0.put("CPU ")
      $0.put(decimal: UInt64(cpu[].number))
      $0.put(": its counter is ")
      $0.put(decimal: difference.middle.magnitude)
      $0.put(difference.middle < 0 ? " ticks behind CPU 0's" : " ticks ahead of CPU 0's")
    }
  }

  /// The first steps of a CPU that has just been started, on its own stack. Goes on at the idle loop.
  public static func enter() {
    let cpu = Ref<PhysicalCPU>.current
    Startup.configureCPU(smep: BootPolicy.usesSMEP, smap: BootPolicy.usesSMAP, tsx: BootPolicy.usesTSX)
    cpu[].area.load()
    MachineCheck.enable()
    LocalAPIC.enable()
    Ref<Hypervisor>.shared[].counterHandshake.answer()
    CPUs.setStarted(max(CPUs.started, cpu[].number &+ 1))
    CPUs.setOnline(cpu[].number, true)
  }
}
