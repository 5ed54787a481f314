// SPDX-License-Identifier: Apache-2.0
// The machine's interrupt lines, from the MADT to the routing that guests' interrupts take; and the serial port's own.
import Domains
import Frames
import Images
import Machine
import XenABI

enum InterruptSetup {
  /// Publishes the routing. Once there is a ledger with free memory, before any guest runs.
  static func perform(_ acpi: ACPIInformation?, _ options: HypervisorOptions) {
    guard let directory = ledger[].allocateOwn(), let first = ledger[].allocateOwn(),
      let place = ledger[].allocateOwn()
    else { HypervisorSetup.outOfMemory() }
    precondition(Ref<InterruptRouting>.framesNeeded == 1)
    Ref<InterruptRouting>.create(in: place, InterruptRouting(directory: directory, first: first)).publish()
    let wiring = makeWiring(acpi)
    guard InterruptRouting.configure(wiring) else { HypervisorSetup.outOfMemory() }
    if let port = Ref<Console>.shared[].port {
      let line = wiring.gsi(ofISA: options.com1?.interrupt ?? 4)
      if InterruptRouting.claimForConsole(gsi: line) {
        port.enableReceiveInterrupt()
      } else {
        Log.write(.warning, "the serial port has no interrupt: nothing that is typed will be seen")
      }
    }
  }

  private static func makeWiring(_ acpi: ACPIInformation?) -> InterruptWiring {
    var wiring = InterruptWiring()
    guard let controllers = acpi?.interruptControllers else { return wiring }
    for index in controllers.ioAPICs.indices {
      let entry = controllers.ioAPICs[index]
      _ = wiring.addController(
        IOAPIC(slot: 2 &+ index, physical: entry.address, firstGSI: entry.firstInterrupt, identifier: entry.id))
      _ = ledger[].forbiddenDevices.insert(entry.address &>> 12)
    }
    for index in controllers.overrides.indices {
      let entry = controllers.overrides[index]
      _ = wiring.addOverride(
        irq: entry.source, gsi: entry.globalInterrupt, isLevel: entry.signal.trigger == .level,
        isLow: entry.signal.polarity == .low)
    }
    return wiring
  }
}
