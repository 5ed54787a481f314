// SPDX-License-Identifier: Apache-2.0
// A simulated machine with devices: an I/O APIC and one PCI function, whose registers are frames at the end of memory.
import CMachine
import Domains
import Machine
import SimulatedMachine

/// The devices of a machine with `DeviceMachine.plan`.
struct DeviceMachine {
  static let frames: UInt64 = 8192
  /// Frames that are no RAM: a device's table, an I/O APIC's registers, a PCI function's configuration space.
  static let table = MachineFrame(frames - 3)
  static let controller = MachineFrame(frames - 2)
  static let configuration = MachineFrame(frames - 1)

  let machine: SimulatedMachine

  /// Runs `body` in a fresh machine, alone in the process, as its CPU 0, whose local APIC has identifier 5.
  static func run<R>(_ body: (DeviceMachine) throws -> R) rethrows -> R {
    try SimulatedMachine.run(MachinePlan(frames: frames, devices: 3)) { machine in
      CPUs.setAPICID(0, 5)
      return try body(DeviceMachine(machine: machine))
    }
  }

  /// A new listed domain.
  func guest(_ number: UInt16, isPrivileged: Bool = false) -> SimulatedGuest {
    machine.guest(number, isPrivileged: isPrivileged)
  }

  /// Wires 24 lines to one I/O APIC, with line 9 signalling by level, active high.
  func wire() {
    var wiring = InterruptWiring()
    precondition(
      wiring.addController(IOAPIC(slot: 2, physical: DeviceMachine.controller.physical, firstGSI: 0, identifier: 1)))
    precondition(wiring.addOverride(irq: 0, gsi: 2, isLevel: false, isLow: false))
    precondition(wiring.addOverride(irq: 9, gsi: 9, isLevel: true, isLow: false))
    precondition(InterruptRouting.configure(wiring))
  }

  /// The redirection entry of a line, as the I/O APIC holds it.
  func entry(_ line: Int) -> UInt64 {
    UInt64(PhysicalWindow.load32(DeviceMachine.controller, word: 0x10 + 2 * line))
      | UInt64(PhysicalWindow.load32(DeviceMachine.controller, word: 0x11 + 2 * line)) << 32
  }

  /// Function 00:03.0 with MSI (four messages, 64-bit addresses, maskable) at 0x50 and MSI-X (eight entries, at offset 0x800
  /// of the memory of register 1) at 0x70.
  func addFunction() -> PCIFunction {
    let frame = DeviceMachine.configuration
    func set(_ register: Int, _ value: UInt32) { PhysicalWindow.store32(frame, word: register >> 2, value) }
    set(0x00, 0x1041_1af4)
    set(0x04, 0x0010_0006)
    set(0x14, UInt32(DeviceMachine.table.physical))
    set(0x34, 0x50)
    set(0x50, 0x0184_7005)
    set(0x70, 0x0007_0011)
    set(0x74, 0x801)
    martlet_simulated.pci_frame = frame.number
    martlet_simulated.pci_function = 0x8000_1800
    return PCIFunction(bus: 0, devfn: 0x18)
  }

  /// A register of the function.
  func register(_ offset: Int) -> UInt32 { PhysicalWindow.load32(DeviceMachine.configuration, word: offset >> 2) }

  /// A word of an entry of the function's table.
  func tableWord(_ entry: Int, _ word: Int) -> UInt32 {
    PhysicalWindow.load32(DeviceMachine.table, word: 0x200 + entry * 4 + word)
  }
}
