// SPDX-License-Identifier: Apache-2.0
// The two kinds of address that must never be mixed up.

/// The number of a 4 KiB frame of physical memory (a machine frame number, mfn).
public struct MachineFrame: Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The frame's number: its physical address divided by 4096.
  public var number: UInt64

  /// The frame of a number.
  @inlinable public init(_ number: UInt64) { self.number = number }

  /// The frame that holds a physical address.
  @inlinable public init(physical: UInt64) { number = physical &>> 12 }

  /// The physical address of the frame's first byte.
  @inlinable public var physical: UInt64 { number &<< 12 }

  /// By number.
  @inlinable public static func < (a: MachineFrame, b: MachineFrame) -> Bool { a.number < b.number }

  /// The frame `count` further on. Wraps, as no caller gets there with an unchecked number.
  @inlinable public static func + (a: MachineFrame, count: UInt64) -> MachineFrame { MachineFrame(a.number &+ count) }

  /// The number that no frame has.
  public static let invalid = MachineFrame(UInt64.max)
}

/// A linear (virtual) address. It says nothing of who may use it.
public struct LinearAddress: Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The address as a number.
  public var raw: UInt64

  /// The address of a number, canonical or not.
  @inlinable public init(_ raw: UInt64) { self.raw = raw }

  /// By number.
  @inlinable public static func < (a: LinearAddress, b: LinearAddress) -> Bool { a.raw < b.raw }

  /// Whether bits 63 to 47 are all alike, as the CPU demands.
  @inlinable public var isCanonical: Bool { Int64(bitPattern: raw &<< 16) &>> 16 == Int64(bitPattern: raw) }

  /// Whether it lies in the region that belongs to the hypervisor in every address space (L4 slots 256 to 271;
  /// HYPERVISOR_VIRT_START and _END in xen/arch-x86/xen-x86_64.h).
  @inlinable public var isHypervisor: Bool { raw >= 0xffff_8000_0000_0000 && raw < 0xffff_8800_0000_0000 }

  /// The offset within its page.
  @inlinable public var pageOffset: Int { Int(raw & 0xfff) }

  /// The index of its entry in a page table of `level` (1 to 4).
  @inlinable public func index(level: Int) -> Int { Int((raw &>> (3 &+ 9 &* UInt64(level))) & 511) }

  /// The address `bytes` further on. Wraps.
  @inlinable public static func + (a: LinearAddress, bytes: UInt64) -> LinearAddress { LinearAddress(a.raw &+ bytes) }
}
