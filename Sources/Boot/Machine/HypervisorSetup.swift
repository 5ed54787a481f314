// SPDX-License-Identifier: Apache-2.0
// The hypervisor's own things: page tables, CPU areas, ledger, machine-to-physical table, clock, interrupt controllers.
import Domains
import Frames
import Images
import Machine
import XenABI

enum HypervisorSetup {
  static func perform(
    _ map: MemoryMap, _ options: HypervisorOptions, _ acpi: ACPIInformation?,
    _ processors: ProcessorList, _ memory: inout BootMemory
  ) -> ClockSetup {
    let frames = min(map.endOfRAM &>> 12, (HypervisorSpace.windowEnd &- HypervisorSpace.window) &>> 12)
    if CPUFeatures.current.smap && BootPolicy.usesSMAP { Startup.patchGuestAccess() }
    InterruptTable.build()
    guard let tables = HypervisorPageTables(memory: &memory) else { outOfMemory() }
    let data = PTE.present | PTE.writable | PTE.noExecute
    let device = data | PTE.cacheDisable
    guard tables.mapImage(memory: &memory),
      tables.map(linear: HypervisorSpace.window, to: MachineFrame(0), frames: frames, bits: data, memory: &memory),
      tables.map(
        linear: HypervisorSpace.localAPIC, to: MachineFrame(physical: 0xfee0_0000), frames: 1, bits: device,
        memory: &memory)
    else { outOfMemory() }
    // Two megabytes of the machine-to-physical table serve 1 GiB; its pieces are found by 2 MiB (XENMEM_machphys_mfn_list).
    let m2pFrames = ((frames &* 8 &+ 0x1f_ffff) &>> 21) &<< 9
    guard let m2p = memory.allocate(frames: m2pFrames, alignment: 512, limit: 1 &<< 20),
      tables.map(
        linear: HypervisorSpace.machineToPhysical, to: m2p, frames: m2pFrames,
        bits: PTE.present | PTE.user | PTE.noExecute, memory: &memory)
    else { outOfMemory() }
    mapDevices(tables, acpi, device, &memory)
    // The areas need frames that boot's window still shows.
    guard let area = CPUArea(number: 0, tables: tables, memory: &memory) else { outOfMemory() }
    Registers.setPageTable(tables.root)
    PhysicalWindow.open(base: HypervisorSpace.window, frames: frames)
    memory.reach = frames
    fill(m2p, m2pFrames)
    makeLedger(map, frames, m2p, m2pFrames, &memory)
    Startup.configureCPU(smep: BootPolicy.usesSMEP, smap: BootPolicy.usesSMAP, tsx: BootPolicy.usesTSX)
    area.load()
    MachineCheck.enable()
    LegacyPIC.disable()
    LocalAPIC.enable()
    let clock = ClockSetup(acpi, options)
    let machineToPhysical = MachineToPhysical(first: m2p, entries: m2pFrames &* 512)
    publish(tables, clock.clock, machineToPhysical, area, options, acpi, processors, map, &memory)
    return clock
  }

  static func outOfMemory() -> Never {
    BootFailure.stop("not enough memory for the hypervisor's own tables; give the machine more")
  }

  private static func fill(_ first: MachineFrame, _ frames: UInt64) {
    for index in 0..<frames {
      for word in 0..<512 { PhysicalWindow.store(first + index, word: word, MachineToPhysical.invalid) }
    }
  }

  /// HPET in device page 1, I/O APICs from page 2 on.
  private static func mapDevices(
    _ tables: borrowing HypervisorPageTables, _ acpi: ACPIInformation?, _ bits: UInt64, _ memory: inout BootMemory
  ) {
    if let timer = acpi?.eventTimer {
      guard
        tables.map(
          linear: HypervisorSpace.devicePage(1), to: MachineFrame(physical: timer.address), frames: 1, bits: bits,
          memory: &memory)
      else { outOfMemory() }
    }
    guard let controllers = acpi?.interruptControllers else { return }
    for index in controllers.ioAPICs.indices {
      guard
        tables.map(
          linear: HypervisorSpace.devicePage(2 &+ index),
          to: MachineFrame(physical: controllers.ioAPICs[index].address),
          frames: 1, bits: bits, memory: &memory)
      else { outOfMemory() }
    }
  }

  /// The ledger: RAM is the hypervisor's until it is given out, everything else device memory. The first megabyte counts as
  /// device memory, because firmware tables and video memory are there.
  private static func makeLedger(
    _ map: MemoryMap, _ frames: UInt64, _ m2p: MachineFrame, _ m2pFrames: UInt64, _ memory: inout BootMemory
  ) {
    guard let storage = memory.allocate(frames: FrameLedger.framesNeeded(for: frames)),
      let place = memory.allocate(frames: Ref<FrameLedger>.framesNeeded)
    else { outOfMemory() }
    let ledger = Ref<FrameLedger>.create(in: place, FrameLedger(storage: storage, frames: frames))
    ledger.publish()
    for index in map.entries.indices {
      let entry = map.entries[index]
      guard entry.kind == .usable else { continue }
      let start = max(entry.range.start &>> 12, 256)
      let end = (entry.range.end &+ 4095) &>> 12
      if start < end { ledger[].claim(start: start, end: end) }
    }
    // Tools may map the machine-to-physical table, read-only.
    for index in 0..<m2pFrames { ledger[].shareReadOnly(m2p + index) }
    _ = ledger[].forbiddenDevices.insert(0xfee00)
  }

  private static func publish(
    _ tables: consuming HypervisorPageTables, _ clock: SystemClock, _ machineToPhysical: MachineToPhysical,
    _ first: CPUArea, _ options: HypervisorOptions, _ acpi: ACPIInformation?,
    _ processors: ProcessorList, _ map: MemoryMap, _ memory: inout BootMemory
  ) {
    var areas = InlineArray<128, CPUArea?>(repeating: nil)
    areas[0] = first
    for number in 1..<max(processors.count, 1) {
      areas[number] = CPUArea(number: number, tables: tables, memory: &memory)
    }
    guard let place = memory.allocate(frames: Ref<Hypervisor>.framesNeeded), let a = memory.allocate(frames: 1),
      let b = memory.allocate(frames: 1), let c = memory.allocate(frames: 1), let d = memory.allocate(frames: 1)
    else { outOfMemory() }
    PhysicalWindow.clear(b)
    PhysicalWindow.clear(d)
    let hypervisor = Ref<Hypervisor>.create(
      in: place,
      Hypervisor(
        clock: clock, tables: tables, machineToPhysical: machineToPhysical,
        domains: DomainTable(directory: a, first: b),
        vcpus: VCPURegistry(directory: c, first: d)))
    hypervisor.publish()
    hypervisor[].wallClockBase.store(RealTimeClock.seconds &* 1_000_000_000 &- clock.now)
    hypervisor[].policy.reboots = !options.noReboot
    hypervisor[].policy.isWarm = options.warmReboot
    hypervisor[].policy.firstWay = firstWay(options.rebootMethod)
    hypervisor[].grantLimits = GrantLimits(
      frames: options.grantFrames, maptrackFrames: options.grantMapFrames, highestVersion: options.grantTableVersion)
    if let reset = acpi?.fixedDescription?.reset, reset.register.space == .io, reset.register.address <= 0xffff {
      hypervisor[].policy.resetPort = UInt16(reset.register.address)
      hypervisor[].policy.resetValue = reset.value
    }
    for number in 0..<processors.count {
      guard let area = areas[number], let own = memory.allocate(frames: Ref<PhysicalCPU>.framesNeeded),
        let directory = memory.allocate(frames: 1), let entries = memory.allocate(frames: 1)
      else { outOfMemory() }
      hypervisor[].cpus[number] = Ref<PhysicalCPU>.create(
        in: own, PhysicalCPU(number: number, area: area, timers: TimerQueue(directory: directory, first: entries)))
      CPUs.setAPICID(number, processors.apicIDs[number])
    }
    publishMemoryMap(map, &memory)
  }

  private static func firstWay(_ method: RebootMethod) -> ResetWay? {
    switch method {
    case .automatic: nil
    case .tripleFault: .tripleFault
    case .keyboard: .keyboard
    case .acpi: .acpi
    case .pci: .pci
    case .power: .power
    }
  }

  /// The machine's memory map, for Domain 0 (XENMEM_machine_memory_map).
  private static func publishMemoryMap(_ map: MemoryMap, _ memory: inout BootMemory) {
    var copy = E820Map()
    for index in map.entries.indices {
      let entry = map.entries[index]
      if !copy.append(
        E820Entry(start: entry.range.start, size: entry.range.end &- entry.range.start, kind: entry.kind.rawValue))
      {
        break
      }
    }
    guard let place = memory.allocate(frames: Ref<MachineMemory>.framesNeeded) else { outOfMemory() }
    Ref<MachineMemory>.create(in: place, MachineMemory(map: copy)).publish()
    Ref<MachineMemory>.shared[].reserve = MachineMemory.reserve(of: MachineMemory.totalFrames)
  }
}
