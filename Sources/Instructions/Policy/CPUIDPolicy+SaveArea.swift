// SPDX-License-Identifier: Apache-2.0
//
// Leaf 0xD: which extended states the guest may enable and how large its XSAVE area gets.

extension CPUIDPolicy {
  /// The size of x87, SSE and the XSAVE header, in bytes.
  private var baseSize: UInt32 { 576 }

  /// Leaf 0xD.
  func saveArea(
    _ subleaf: UInt32, _ processor: CPUIDVirtualProcessor, _ host: (UInt32, UInt32) -> CPUIDRegisters
  ) -> CPUIDRegisters {
    guard extendedStateMask != 0 else { return CPUIDRegisters() }
    switch subleaf {
    case 0:
      return CPUIDRegisters(
        eax: UInt32(truncatingIfNeeded: extendedStateMask),
        ebx: standardSize(processor.xcr0 & extendedStateMask, host), ecx: standardSize(extendedStateMask, host),
        edx: UInt32(truncatingIfNeeded: extendedStateMask >> 32))
    case 1:
      let features = host(0xd, 1).eax & visible(.saveState)
      // EBX is the size of the compacted form, when there is one.
      let size = features & 2 != 0 ? compactedSize(processor.xcr0 & extendedStateMask, host) : 0
      return CPUIDRegisters(eax: features, ebx: size)
    case 2...62:
      guard extendedStateMask & (1 &<< UInt64(subleaf)) != 0 else { return CPUIDRegisters() }
      let component = host(0xd, subleaf)
      // ECX bit 1: the component is aligned in the compacted form. Supervisor states (bit 0) are not offered.
      return CPUIDRegisters(eax: component.eax, ebx: component.ebx, ecx: component.ecx & 2)
    default: return CPUIDRegisters()
    }
  }

  /// The end of the last component of `states` in the standard form.
  private func standardSize(_ states: UInt64, _ host: (UInt32, UInt32) -> CPUIDRegisters) -> UInt32 {
    var size = baseSize
    for index in 2..<(8 as UInt32) where states & (1 &<< UInt64(index)) != 0 {
      let component = host(0xd, index)
      size = max(size, component.ebx &+ component.eax)
    }
    return size
  }

  /// The size of `states` one behind the other.
  private func compactedSize(_ states: UInt64, _ host: (UInt32, UInt32) -> CPUIDRegisters) -> UInt32 {
    var size = baseSize
    for index in 2..<(8 as UInt32) where states & (1 &<< UInt64(index)) != 0 {
      let component = host(0xd, index)
      if component.ecx & 2 != 0 { size = (size &+ 63) & ~63 }
      size = size &+ component.eax
    }
    return size
  }
}
