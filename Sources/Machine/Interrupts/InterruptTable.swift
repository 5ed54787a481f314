// SPDX-License-Identifier: Apache-2.0
// The interrupt descriptor table: all 256 gates lead to the stubs of entry.S. Guests may raise 3 and 4 and 0x80 directly; any
// other software interrupt of theirs faults, and is then delivered by what the instruction says.
import CMachine

/// The one interrupt descriptor table of all CPUs.
public enum InterruptTable {
  #if !os(Linux)
    /// Fills the table. Once, at boot; the image's data is still writable then.
    public static func build() {
      for vector in 0..<256 {
        // SAFETY: 1. Static tables of 256 and 512 words; the index is below 256.
        let entry = unsafe martlet_vector_stubs_address().load(fromByteOffset: vector &* 8, as: UInt64.self)
        let stack: UInt64 =
          switch vector {
          case 2: 1
          case 8: 2
          case 18: 3
          case 1: 4
          default: 0
          }
        let level: UInt64 = vector == 3 || vector == 4 || vector == 0x80 ? 3 : 0
        let low =
          entry & 0xffff | UInt64(MARTLET_CS) &<< 16 | stack &<< 32 | (0x8e | level &<< 5) &<< 40
          | (entry &>> 16 & 0xffff) &<< 48
        // SAFETY: as above.
        unsafe martlet_idt_address().storeBytes(of: low, toByteOffset: vector &* 16, as: UInt64.self)
        unsafe martlet_idt_address().storeBytes(of: entry &>> 32, toByteOffset: vector &* 16 &+ 8, as: UInt64.self)
      }
    }

    /// Has this CPU use the table.
    public static func load() {
      // SAFETY: 1. The table is static.
      unsafe martlet_lidt(UInt64(UInt(bitPattern: martlet_idt_address())), 4095)
    }
  #endif
}

/// Faults inside the hypervisor that were provided for.
public enum Fixups {
  /// Where to go on after a fault at `address`, or nil: then it is a bug.
  public static func find(_ address: UInt64) -> UInt64? {
    #if os(Linux)
      // SAFETY: 1. This thread's own words.
      return address != 0 && address == martlet_simulated.fixup_from ? martlet_simulated.fixup_to : nil
    #else
      // SAFETY: 1. The linker's bounds of a read-only table of pairs.
      var at = unsafe UnsafeRawPointer(martlet_fixups_start_address())
      let stop = unsafe UnsafeRawPointer(martlet_fixups_end_address())
      while unsafe at < stop {
        if unsafe at.load(as: UInt64.self) == address { return unsafe at.load(fromByteOffset: 8, as: UInt64.self) }
        unsafe at += 16
      }
      return nil
    #endif
  }
}
