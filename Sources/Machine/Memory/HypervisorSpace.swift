// SPDX-License-Identifier: Apache-2.0
// The map of the hypervisor's region: which addresses are what. The region is the same in every address space, so entering the
// hypervisor never changes page tables.
import CMachine

/// Fixed linear addresses inside the hypervisor's region (L4 slots 256 to 271).
public enum HypervisorSpace {
  /// The machine-to-physical table as guests see it, read-only (MACH2PHYS_VIRT_START in xen/arch-x86/xen-x86_64.h).
  public static let machineToPhysical: UInt64 = 0xffff_8000_0000_0000
  /// Every CPU's area of 2 MiB: descriptor tables, task state, stacks (layout.h).
  public static let cpuAreas: UInt64 = 0xffff_8200_0000_0000
  /// Device registers, uncached: page 0 is the local APIC, others are given out by boot.
  public static let devices: UInt64 = 0xffff_8240_0000_0000
  /// The image, at its physical address plus this.
  public static let image: UInt64 = 0xffff_8280_0000_0000
  /// All of physical memory.
  public static let window: UInt64 = 0xffff_8300_0000_0000
  /// Where the window ends at the latest: 5 TiB further on.
  public static let windowEnd: UInt64 = 0xffff_8800_0000_0000

  /// The local APIC's registers.
  public static let localAPIC: UInt64 = 0xffff_8240_0000_0000

  /// The first L4 slot of the region, and the first after it.
  public static let firstSlot = 256
  /// The first L4 slot after the region.
  public static let endSlot = 272

  /// The address of device page `slot` (1 to 511).
  public static func devicePage(_ slot: Int) -> UInt64 { devices &+ UInt64(slot) &<< 12 }

  /// The area of a CPU.
  @inlinable public static func cpuArea(_ cpu: Int) -> UInt64 { cpuAreas &+ UInt64(cpu) &<< 21 }
}

/// Bits of page-table entries.
public enum PTE {
  /// P.
  public static let present: UInt64 = 1
  /// R/W.
  public static let writable: UInt64 = 2
  /// U/S.
  public static let user: UInt64 = 4
  /// PWT.
  public static let writeThrough: UInt64 = 8
  /// PCD.
  public static let cacheDisable: UInt64 = 0x10
  /// A.
  public static let accessed: UInt64 = 0x20
  /// D.
  public static let dirty: UInt64 = 0x40
  /// In levels 2 and 3: the entry maps a large page. In level 1: the third PAT bit.
  public static let large: UInt64 = 0x80
  /// G; without effect, as CR4.PGE is off.
  public static let global: UInt64 = 0x100
  /// NX.
  public static let noExecute: UInt64 = 1 &<< 63
  /// The bits that hold the frame's physical address.
  public static let frameMask: UInt64 = 0x000f_ffff_ffff_f000
}
