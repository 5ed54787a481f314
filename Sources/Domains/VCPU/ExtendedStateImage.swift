// SPDX-License-Identifier: Apache-2.0
// A vCPU's extended registers as tools save and restore them (struct xen_domctl_vcpuextstate): XCR0, the states ever enabled,
// then the XSAVE area in the processor's standard form. A tool's image is not believed: what the processor would refuse, or
// what the domain may not have, does not get into the area.
import Frames
import Instructions
import Machine
import XenABI

/// Images of extended registers.
public enum ExtendedStateImage {
  /// Bytes before the area.
  static var head: UInt64 { 16 }
  /// Bytes of the area without extensions: the legacy image and the header.
  static var base: UInt64 { 576 }

  /// How large an image with such states is; zero without XSAVE.
  public static func size(_ states: UInt64) -> UInt64 {
    guard states != 0 else { return 0 }
    var area = base
    for component in 2..<(8 as UInt32) where states &>> UInt64(component) & 1 != 0 {
      let part = Processor.host(0xd, component)
      area = max(area, UInt64(part.eax) &+ UInt64(part.ebx))
    }
    // A frame: no processor's is larger.
    return head &+ min(area, 4096)
  }

  /// Whether a vCPU may have XCR0 so, if it may have the states `allowed`.
  public static func isValid(xcr0: UInt64, allowed: UInt64) -> Bool {
    // x87 always; AVX needs SSE; the three parts of AVX-512 go together and need AVX.
    allowed != 0 && xcr0 & 1 != 0 && xcr0 & ~allowed == 0 && (xcr0 & 4 == 0 || xcr0 & 2 != 0)
      && (xcr0 & 0xe0 == 0 || xcr0 & 0xe4 == 0xe4)
  }

  /// Writes the image of a vCPU at rest to the caller's memory, which has room for `size` bytes.
  ///
  /// - Throws: `fault`.
  public static func store(_ vcpu: Ref<VCPU>, to address: LinearAddress) throws(XenError) {
    let states = vcpu[].domain[].processor.extendedStateMask
    guard states != 0 else { return }
    let count = Int(size(states) &- head)
    do {
      try GuestMemory.write(address, vcpu[].xcr0)
      try GuestMemory.write(address + 8, states)
    } catch { throw .fault }
    let written = GuestMemory.write(
      address + head, frame: vcpu[].extendedState.frame, offset: vcpu[].extendedState.offset, count: count)
    guard written == count else { throw .fault }
  }

  /// Gives a vCPU at rest the image in the caller's memory.
  ///
  /// - Throws: `fault`, after which the registers may be those after reset; `invalid` for an image that the vCPU cannot have.
  public static func load(_ vcpu: Ref<VCPU>, from address: LinearAddress, size wanted: UInt64) throws(XenError) {
    let allowed = vcpu[].domain[].processor.extendedStateMask
    guard wanted >= head &+ base, wanted <= head &+ 4096 else { throw .invalid }
    var words = InlineArray<2, UInt64>(repeating: 0)
    var header = InlineArray<8, UInt64>(repeating: 0)
    var control: UInt32 = 0
    do {
      words = try GuestMemory.read(address, as: InlineArray<2, UInt64>.self, initial: words)
      header = try GuestMemory.read(address + head + 512, as: InlineArray<8, UInt64>.self, initial: header)
      control = try GuestMemory.read(address + head + 24, as: UInt32.self, initial: 0)
    } catch { throw .fault }
    let (xcr0, enabled) = (words[0], words[1])
    // Reserved bits of MXCSR, a compacted area, and reserved words would make the processor refuse the area.
    guard isValid(xcr0: xcr0, allowed: allowed), enabled & ~allowed == 0, xcr0 & ~enabled == 0,
      wanted == size(enabled), header[0] & ~enabled == 0, control & ~0xffff == 0
    else { throw .invalid }
    for index in 1..<8 where header[index] != 0 { throw .invalid }

    let area = vcpu[].extendedState
    let count = Int(wanted &- head)
    // No state that the domain may have is larger than the area made for this machine's.
    guard count <= area.bytes else { throw .invalid }
    // What the image does not reach is not from before.
    area.reset()
    guard GuestMemory.read(address + head, frame: area.frame, offset: area.offset, count: count) == count else {
      area.reset()
      throw .fault
    }
    // The caller may have changed its memory meanwhile: what has been checked counts.
    area.set(header: header, control: control)
    vcpu[].xcr0 = xcr0
  }
}
