// SPDX-License-Identifier: Apache-2.0
// A vCPU's descriptor tables.
import Frames
import Machine
import XenABI

extension Ref where T == VCPU {
  /// Changes the LDT of the vCPU that runs on this CPU.
  public func setLDT(base: UInt64, entries: Int) {
    let cpu = Ref<PhysicalCPU>.current
    hideLDT(cpu)
    self[].ldtBase = base
    self[].ldtEntries = entries
    cpu[].area.loadLDT(entries: entries)
  }

  /// Changes the GDT: `count` frames, which each hold a reference and a use as descriptor page that now belong to the vCPU. What
  /// it had before is given up.
  public func setGDT(_ frames: InlineArray<16, MachineFrame>, count: Int, entries: Int) {
    let old = self[].gdtFrames
    let oldCount = (self[].gdtEntries &+ 511) / 512
    for page in 0..<14 { self[].gdtFrames[page] = page < count ? frames[page] : .invalid }
    self[].gdtEntries = entries
    let cpu = Ref<PhysicalCPU>.current
    if cpu[].vcpu == self {
      showDescriptors(cpu)
      TLB.flushLocal()
    }
    for page in 0..<min(oldCount, 14) where old[page] != .invalid { ledger[].stopUsingDescriptors(old[page]) }
  }
}

extension Ref where T == VCPU {
  /// The frame of one page of the vCPU's GDT; `invalid` if there is none.
  func gdtFrame(_ page: Int) -> MachineFrame {
    // By reference: a plain read of one element makes the compiler copy the whole array.
    func load(_ entry: inout MachineFrame) -> MachineFrame { entry }
    return page >= 0 && page < 14 ? load(&self[].gdtFrames[page]) : .invalid
  }
}
