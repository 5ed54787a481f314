// SPDX-License-Identifier: Apache-2.0
// What boot says about interrupts, and what Domain 0 knows better: how lines are wired and signal.
import Frames
import Machine
import XenABI

extension InterruptRouting {
  /// Takes over the machine's interrupt lines: every line is masked, every interrupt has a record. Once, at boot, after the
  /// record has been published. False without memory for the records.
  public static func configure(_ wiring: InterruptWiring) -> Bool {
    Ref<InterruptRouting>.shared[].window.withLock {
      $0 = DeviceWindow(tables: Ref<Hypervisor>.shared[].tables)
    }
    let isDone: Bool? = withState { state in
      while state.records.count < Int(EventChannels.pirqLimit) {
        guard let frame = ledger[].allocateOwn() else { return false }
        guard state.records.grow(by: frame, initial: PhysicalInterrupt()) else { return false }
      }
      Ref<InterruptRouting>.shared[].known.store(UInt64(state.records.count))
      state.wiring = wiring
      // Messages need numbers too.
      state.lineCount = wiring.lineCount(limit: EventChannels.pirqLimit / 2)
      for index in 0..<wiring.controllerCount {
        guard let controller = wiring.controller(index) else { continue }
        for pin in 0..<controller.pins { controller.setEntry(pin, RedirectionEntry.masked.raw) }
      }
      for gsi in 0..<state.lineCount where wiring.pin(gsi: gsi) != nil {
        var record = PhysicalInterrupt()
        record.source = .line
        record.isLevel = wiring.signal(gsi: gsi).isLevel
        record.isLow = wiring.signal(gsi: gsi).isLow
        state.records[Int(gsi)] = record
      }
      return true
    }
    return isDone ?? false
  }

  /// Has a line lead to the hypervisor's own console: what comes over the serial line is looked at (`CPUWork.console`). False
  /// if there is no such line or vector.
  public static func claimForConsole(gsi: UInt32) -> Bool {
    let isDone: Bool? = withState { state in
      guard var record = state.record(gsi), record.source == .line, record.bindings == 0 else { return false }
      if record.vector == 0 {
        guard let vector = state.vectors.allocate(1, for: gsi) else { return false }
        record.vector = vector
      }
      record.isConsole = true
      state.records[Int(gsi)] = record
      state.program(gsi)
      return true
    }
    return isDone ?? false
  }

  /// Sets how a line signals (PHYSDEVOP_setup_gsi). Only the first word counts.
  ///
  /// - Throws: `invalid` if there is no such line; `exists` if it has been said before.
  public static func setSignal(gsi: UInt32, isLevel: Bool, isLow: Bool) throws(XenError) {
    let refusal: XenError?? = withState { state in
      guard var record = state.record(gsi), record.source == .line else { return .some(.invalid) }
      if record.isSetUp || record.isConsole || record.bindings > 0 { return .some(.exists) }
      record.isSetUp = true
      record.isLevel = isLevel
      record.isLow = isLow
      state.records[Int(gsi)] = record
      state.program(gsi)
      return .some(nil)
    }
    guard let refusal else { throw .invalid }
    if let refusal { throw refusal }
  }

  /// Reads a register of the I/O APIC at a physical address (PHYSDEVOP_apic_read).
  ///
  /// - Throws: `noDevice` if there is none.
  public static func readController(physical: UInt64, register: UInt8) throws(XenError) -> UInt32 {
    let value: UInt32? = withState { $0.wiring.controller(physical: physical)?.read(register) }
    guard let value else { throw .noDevice }
    return value
  }

  /// Takes what a guest writes to a register of an I/O APIC (PHYSDEVOP_apic_write). Of an entry, the signal counts; vector,
  /// CPU and mask are the hypervisor's. Other registers stay as they are.
  ///
  /// - Throws: `noDevice` if there is no such I/O APIC.
  public static func writeController(physical: UInt64, register: UInt8, _ value: UInt32) throws(XenError) {
    let controller: IOAPIC? = withState { $0.wiring.controller(physical: physical) }
    guard let controller else { throw .noDevice }
    // The low half of each entry has an even number from 16 on.
    guard register >= 0x10, register & 1 == 0, Int(register &- 0x10) / 2 < controller.pins else { return }
    let gsi = controller.firstGSI &+ UInt32(register &- 0x10) / 2
    do throws(XenError) {
      try setSignal(gsi: gsi, isLevel: value &>> 15 & 1 != 0, isLow: value &>> 13 & 1 != 0)
    } catch { return }
  }
}
