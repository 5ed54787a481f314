// SPDX-License-Identifier: Apache-2.0
// The machine's interrupt lines, as ACPI describes them, handed to the hypervisor's routing; the console's own among them.
import Domains
import Frames
import Images
import Machine

enum InterruptSetup {
  /// Once all memory is in the ledger. Without ACPI there are no lines: then only messages come.
  static func perform(_ acpi: ACPIInformation?, synchronousConsole: Bool) {
    var order = 0
    while UInt64(1) &<< UInt64(order) < Ref<InterruptRouting>.framesNeeded { order &+= 1 }
    guard let place = ledger[].allocateOwn(order: order), let directory = ledger[].allocateOwn(),
      let first = ledger[].allocateOwn()
    else { HypervisorSetup.outOfMemory() }
    Ref<InterruptRouting>.create(in: place, InterruptRouting(directory: directory, first: first)).publish()
    let wiring = wiring(acpi)
    guard InterruptRouting.configure(wiring) else { HypervisorSetup.outOfMemory() }
    takePower(acpi)
    if let port = Ref<Console>.shared[].port {
      let irq: UInt8? = port.base == 0x3f8 ? 4 : port.base == 0x2f8 ? 3 : nil
      let hasInterrupt = irq.map { InterruptRouting.claimForConsole(gsi: wiring.gsi(ofISA: $0)) } ?? false
      if synchronousConsole {
        port.setInterrupts(receive: hasInterrupt, transmit: false)
      } else {
        Ref<Console>.shared.goAsynchronous(hasInterrupt: hasInterrupt)
      }
    }
  }

  private static func wiring(_ acpi: ACPIInformation?) -> InterruptWiring {
    var wiring = InterruptWiring()
    guard let controllers = acpi?.interruptControllers else { return wiring }
    for index in controllers.ioAPICs.indices {
      let entry = controllers.ioAPICs[index]
      _ = ledger[].forbiddenDevices.insert(entry.address &>> 12)
      // `HypervisorSetup` has mapped them from device page 2 on.
      let controller = IOAPIC(
        slot: 2 &+ index, physical: entry.address, firstGSI: entry.firstInterrupt, identifier: entry.id)
      if !wiring.addController(controller) { break }
    }
    for index in controllers.overrides.indices {
      let override = controllers.overrides[index]
      let added = wiring.addOverride(
        irq: override.source, gsi: override.globalInterrupt, isLevel: override.signal.trigger == .level,
        isLow: override.signal.polarity == .low)
      if !added { break }
    }
    return wiring
  }

  /// The registers by which Domain 0 has the machine switched off (XENPF_enter_acpi_sleep).
  private static func takePower(_ acpi: ACPIInformation?) {
    func port(_ register: ACPIRegister?) -> UInt16 {
      guard let register, register.space == .io, register.address <= 0xffff else { return 0 }
      return UInt16(register.address)
    }
    guard let fixed = acpi?.fixedDescription else { return }
    Ref<Hypervisor>.shared[].policy.powerControlA = port(fixed.controlA)
    Ref<Hypervisor>.shared[].policy.powerControlB = port(fixed.controlB)
  }
}
