// SPDX-License-Identifier: Apache-2.0
// The memory of the guest that is running, by the addresses it uses itself. Guest memory changes under our hands, so whole
// values are copied in once and out once; a guest address is a claim until a copy has succeeded.
import CMachine

/// A guest's range could not be read or written: not mapped, read-only, or the hypervisor's own.
public struct GuestFault: Error {
  /// The fault, which has no details.
  public init() {}
}

/// Copies to and from the current address space. Every range is checked to lie outside the hypervisor's region; the rest is
/// left to the hardware, whose faults end the copy.
public enum GuestMemory {
  /// Whether a range may be tried at all: no wrap-around, not in the hypervisor's region. (Addresses that are not canonical
  /// fault by themselves.)
  @inlinable public static func allows(_ start: LinearAddress, bytes: Int) -> Bool {
    let (end, wrapped) = start.raw.addingReportingOverflow(UInt64(bitPattern: Int64(bytes)))
    return bytes >= 0 && (!wrapped || end == 0) && (start.raw >= 0xffff_8800_0000_0000 || end <= 0xffff_8000_0000_0000)
      && (start.raw >= 0xffff_8800_0000_0000 || end != 0)
  }

  /// Reads one value.
  @inlinable public static func read<T: BitwiseCopyable>(_ from: LinearAddress, as: T.Type, initial: T)
    throws(GuestFault) -> T
  {
    guard allows(from, bytes: MemoryLayout<T>.size) else { throw GuestFault() }
    var value = initial
    // SAFETY: 1. Our side is the local `value`, exactly as long; 2. T is plain bytes, all patterns of which are values
    // (callers use integers and imported C structs); 3. the guest's side faults safely.
    let left = unsafe withUnsafeMutablePointer(to: &value) {
      unsafe martlet_copy_from_guest($0, from.raw, UInt64(MemoryLayout<T>.size))
    }
    guard left == 0 else { throw GuestFault() }
    return value
  }

  /// Reads one 8-byte word.
  @inlinable public static func read64(_ from: LinearAddress) throws(GuestFault) -> UInt64 {
    try read(from, as: UInt64.self, initial: 0)
  }

  /// Reads one 4-byte word.
  @inlinable public static func read32(_ from: LinearAddress) throws(GuestFault) -> UInt32 {
    try read(from, as: UInt32.self, initial: 0)
  }

  /// Writes one value.
  @inlinable public static func write<T: BitwiseCopyable>(_ to: LinearAddress, _ value: T) throws(GuestFault) {
    guard allows(to, bytes: MemoryLayout<T>.size) else { throw GuestFault() }
    // SAFETY: 1. Our side is the local value, exactly as long; 2. the guest's side faults safely.
    let left = unsafe withUnsafePointer(to: value) {
      unsafe martlet_copy_to_guest(to.raw, $0, UInt64(MemoryLayout<T>.size))
    }
    guard left == 0 else { throw GuestFault() }
  }

  /// Reads `count` bytes into our buffer, which must have room. Gives how many were read before a fault (`count` if none).
  public static func read(_ from: LinearAddress, into buffer: inout MutableSpan<UInt8>, count: Int) -> Int {
    guard count > 0, count <= buffer.count, allows(from, bytes: count) else { return 0 }
    // SAFETY: 1. Our side has room for `count`, checked; 2. the guest's side faults safely.
    let left = unsafe buffer.withUnsafeMutableBufferPointer {
      unsafe martlet_copy_from_guest($0.baseAddress.unsafelyUnwrapped, from.raw, UInt64(count))
    }
    return count &- Int(left)
  }

  /// Writes `count` bytes of ours. Gives how many were written before a fault.
  public static func write(_ to: LinearAddress, from buffer: Span<UInt8>, count: Int) -> Int {
    guard count > 0, count <= buffer.count, allows(to, bytes: count) else { return 0 }
    // SAFETY: 1. Our side has `count` bytes, checked; 2. the guest's side faults safely.
    let left = unsafe buffer.withUnsafeBufferPointer {
      unsafe martlet_copy_to_guest(to.raw, $0.baseAddress.unsafelyUnwrapped, UInt64(count))
    }
    return count &- Int(left)
  }

  /// Copies `count` bytes of a frame to the guest. Gives how many were written before a fault.
  public static func write(_ to: LinearAddress, frame: MachineFrame, offset: Int, count: Int) -> Int {
    guard count > 0, offset >= 0, count <= 4096, offset <= 4096 &- count, allows(to, bytes: count) else { return 0 }
    // SAFETY: 1. Inside the frame, checked.
    return count &- Int(unsafe martlet_copy_to_guest(to.raw, PhysicalWindow.address(frame, offset), UInt64(count)))
  }

  /// Copies `count` bytes of the guest's to a frame. Gives how many were read before a fault.
  public static func read(_ from: LinearAddress, frame: MachineFrame, offset: Int, count: Int) -> Int {
    guard count > 0, offset >= 0, count <= 4096, offset <= 4096 &- count, allows(from, bytes: count) else { return 0 }
    // SAFETY: 1. Inside the frame, checked.
    return count &- Int(unsafe martlet_copy_from_guest(PhysicalWindow.address(frame, offset), from.raw, UInt64(count)))
  }

  /// Fills a guest range with zeros. Gives how many bytes were written before a fault.
  public static func clear(_ to: LinearAddress, count: Int) -> Int {
    guard count > 0, allows(to, bytes: count) else { return 0 }
    // SAFETY: 1. Only guest memory is written, and faults safely.
    return count &- Int(martlet_clear_guest(to.raw, UInt64(count)))
  }
}
