// SPDX-License-Identifier: Apache-2.0
// The hypervisor's own command line, kept for those who ask (`xl info`).
import Machine
import XenABI

/// The command line as the boot loader gave it.
public enum CommandLine {
  /// Copies up to 1023 bytes of it, and zeros behind, to the current guest's memory.
  public static func copy(to out: LinearAddress) throws(XenError) {
    let place = Ref<Hypervisor>.shared[].commandLine
    let count = min(place.count, 1023)
    var done = 0
    while done < count {
      let at = place.physical &+ UInt64(done)
      let chunk = min(count &- done, 4096 &- Int(at & 4095))
      guard
        GuestMemory.write(
          out + UInt64(done), frame: MachineFrame(physical: at), offset: Int(at & 4095), count: chunk) == chunk
      else { throw .fault }
      done &+= chunk
    }
    guard GuestMemory.clear(out + UInt64(count), count: 1024 &- count) == 1024 &- count else { throw .fault }
  }
}

/// Where bytes of the hypervisor's own lie in physical memory.
public struct PhysicalBytes: BitwiseCopyable {
  /// The physical address of the first byte.
  public var physical: UInt64
  /// How many bytes there are.
  public var count: Int

  /// Bytes at a physical address.
  public init(physical: UInt64, count: Int) {
    self.physical = physical
    self.count = count
  }
}
