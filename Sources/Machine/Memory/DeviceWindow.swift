// SPDX-License-Identifier: Apache-2.0
// Registers of devices that are reached seldom, and anywhere: one page of the hypervisor's region shows the device page at
// hand, uncached, for one access at a time.
import CMachine

/// A look at one device page at a time. Callers serialise by the lock that owns the window.
public struct DeviceWindow: ~Copyable {
  // The level-1 table that maps the device pages; its last entry is the window's.
  let table: MachineFrame
  private static let slot = 511

  /// The window, once boot has mapped the local APIC in the same table. Nil if there is no such table.
  public init?(tables: borrowing HypervisorPageTables) {
    #if os(Linux)
      table = .invalid
    #else
      var frame = tables.root
      let address = LinearAddress(HypervisorSpace.devices)
      for level in 0..<3 {
        let entry = PhysicalWindow.load(frame, word: address.index(level: 4 &- level))
        guard entry & PTE.present != 0, entry & PTE.large == 0 else { return nil }
        frame = MachineFrame(physical: entry & PTE.frameMask)
      }
      table = frame
    #endif
  }

  /// Reads the 32-bit register at a physical address, which must be aligned.
  public mutating func read32(_ physical: UInt64) -> UInt32 {
    #if os(Linux)
      // In host tests, devices are simulated frames.
      let frame = MachineFrame(physical: physical)
      return PhysicalWindow.contains(frame)
        ? PhysicalWindow.load32(frame, word: Int(physical & 0xfff) &>> 2) : UInt32.max
    #else
      show(physical)
      return martlet_mmio_read32(Self.linear(physical))
    #endif
  }

  /// Writes the 32-bit register at a physical address, which must be aligned.
  public mutating func write32(_ physical: UInt64, _ value: UInt32) {
    #if os(Linux)
      let frame = MachineFrame(physical: physical)
      if PhysicalWindow.contains(frame) { PhysicalWindow.store32(frame, word: Int(physical & 0xfff) &>> 2, value) }
    #else
      show(physical)
      martlet_mmio_write32(Self.linear(physical), value)
    #endif
  }

  #if !os(Linux)
    private static func linear(_ physical: UInt64) -> UInt64 { HypervisorSpace.devicePage(slot) &+ (physical & 0xffc) }

    /// Has the window show the page of a physical address on this CPU. Other CPUs may remember another page: each looks only
    /// through what it has just set itself.
    private func show(_ physical: UInt64) {
      let bits = PTE.present | PTE.writable | PTE.cacheDisable | PTE.writeThrough | PTE.noExecute
      PhysicalWindow.store(table, word: Self.slot, physical & PTE.frameMask | bits)
      TLB.invalidate(LinearAddress(HypervisorSpace.devicePage(Self.slot)))
    }
  #endif
}
