// SPDX-License-Identifier: Apache-2.0
// From the loader's hand-over to the first guest: each step once, in the order in which they need each other. The machine runs on
// boot's page tables, which show the first 4 GiB, until `HypervisorSetup` has made the lasting ones.
import Domains
import Frames
import Images
import Machine
import XenABI

/// Booting.
public enum BootSequence {
  /// Sets the machine up and builds Domain 0. `magic` and `information` are what the loader left in EAX and EBX. Goes on at
  /// `start` on the first CPU's own stack.
  public static func run(magic: UInt32, information: UInt32, start: @convention(c) () -> Void) -> Never {
    PhysicalWindow.open(base: HypervisorSpace.window, frames: 1 &<< 20)
    CPUFeatures.detect().publish()
    let boot: BootInformation
    do throws(BootInformationError) {
      boot = try BootInformation.read(magic: magic, at: UInt64(information), from: PhysicalReader())
    } catch {
      BootFailure.stop("the boot loader's information: ", error.message)
    }
    let line = boot.commandLine
    let first = PhysicalWindow.withHypervisorOwned(physical: line.address, count: line.length) {
      HypervisorOptions.parse(
        $0, startsWithFileName: boot.textsStartWithFileName, limits: ConsoleSetup.optionLimits)
    }
    let map = MemoryPlan.map(boot, first)
    var memory = MemoryPlan.make(boot, map)
    BootPolicy.reboots = !first.noReboot
    BootPolicy.usesSMEP = first.smep
    BootPolicy.usesSMAP = first.smap ?? !CPUFeatures.isEmulatedByQEMU
    BootPolicy.usesTSX = first.tsx
    ConsoleSetup.open(first, &memory)
    greet()
    MemoryPlan.report(boot, map)
    PhysicalWindow.withHypervisorOwned(physical: line.address, count: line.length) { ConsoleSetup.report(first, $0) }
    // Tables of the firmware's may lie above all RAM, where the lasting window does not reach.
    let acpi = findACPI(boot)
    setUp(boot, map, first, acpi, &memory, start)
  }

  private static func greet() {
    Log.write(.error, "Martlet 4.17-martlet: the paravirtualizing hypervisor, in Swift")
  }

  private static func findACPI(_ boot: BootInformation) -> ACPIInformation? {
    do throws(ACPIError) {
      return try ACPIInformation(from: PhysicalReader(), rootPointer: boot.rootPointer)
    } catch {
      Log.write(.warning) {
        $0.put("ACPI: ")
        $0.put(error.message)
        $0.put("; going on with one CPU")
      }
      return nil
    }
  }

  private static func setUp(
    _ boot: BootInformation, _ map: Images.MemoryMap, _ options: HypervisorOptions,
    _ acpi: ACPIInformation?, _ memory: inout BootMemory, _ start: @convention(c) () -> Void
  ) -> Never {
    guard boot.modules.count > 0 else {
      BootFailure.stop("no module: the first module has to be Domain 0's kernel, the second its RAM disk")
    }
    let total = map.usableBytes
    let processors = ProcessorList(acpi, limit: options.maximumCPUs ?? CPUs.limit)
    var clock = HypervisorSetup.perform(map, options, acpi, processors, &memory)
    keepCommandLine(boot.arguments(of: boot.commandLine, in: PhysicalReader()), &memory)
    var trust = CounterTrust.ofThisCPU
    trust.isDoubted = options.doubtsCounter
    let cpus = CPUStart.all(
      processors, trampoline: boot.pageBelowOneMegabyte(map).map { MachineFrame(physical: $0) }, &trust)
    let domain0 = Domain0Setup.perform(boot, options, cpus: cpus, total: total, &memory)
    // Building Domain 0 has taken the time that measuring the clock needs; before it runs, the clock is final.
    clock.finish(options, trust)
    domain0.start()
    InterruptSetup.perform(acpi, synchronousConsole: options.synchronousConsole)
    // From here on others wait for what takes long.
    Stretch.setRate(hertz: Ref<Hypervisor>.shared[].clock.hertz)
    if Startup.bootStackLeft < Startup.bootStackReserve { BootFailure.stop("the stack of boot is too small (a bug)") }
    guard let cpu = Ref<Hypervisor>.shared[].cpus[0] else { preconditionFailure("no first CPU") }
    Startup.switchStack(to: cpu[].area, entry: start)
  }
}

extension BootSequence {
  /// Copies the command line to a frame of our own: the loader's memory is given away soon.
  private static func keepCommandLine(_ line: PhysicalText, _ memory: inout BootMemory) {
    guard let frame = memory.allocate(frames: 1) else { HypervisorSetup.outOfMemory() }
    PhysicalWindow.clear(frame)
    let count = min(line.length, 1023)
    for index in 0..<count {
      guard let byte = PhysicalReader().byte(at: line.address &+ UInt64(index)) else { break }
      PhysicalWindow.store8(frame, byte: index, byte)
    }
    Ref<Hypervisor>.shared[].commandLine = PhysicalBytes(physical: frame.physical, count: count)
  }
}

/// The CPUs that are to run, by their local APIC identifiers, the boot CPU first.
struct ProcessorList {
  var apicIDs = InlineArray<128, UInt32>(repeating: 0)
  var count = 1

  init(_ acpi: ACPIInformation?, limit: Int) {
    guard let controllers = acpi?.interruptControllers else { return }
    let boot = Registers.cpuid(1).ebx &>> 24
    apicIDs[0] = boot
    for index in controllers.processors.indices {
      let entry = controllers.processors[index]
      guard entry.isEnabled, entry.apicID != boot, entry.apicID < 255, count < min(limit, CPUs.limit) else { continue }
      apicIDs[count] = entry.apicID
      count &+= 1
    }
  }
}
