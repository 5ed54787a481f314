// SPDX-License-Identifier: Apache-2.0
// Writes to guest memory that fault on what the CPU remembers, not on what the page tables say.
//
// A guest that makes an entry writable need not flush: the architecture lets a CPU keep the read-only translation until the next
// write faults on it, and that fault makes the CPU forget it. A guest's own write then simply runs again. So must ours, in a
// copy to its memory: it would otherwise end in EFAULT, or in the guest's death where its stack is written. The tables are
// walked as the CPU would, and if they allow the write, it is tried again.
//
// Another vCPU could change the entry to and fro while we try, so there is an end to it: so many tries until the CPU next goes to
// a guest (`PhysicalCPU.staleWrites`). A preempted operation starts anew.
import Machine
import XenABI

/// Deciding whether a faulted write is worth a second try.
enum StaleTranslation {
  /// How many writes are tried again on the way from one guest to the next.
  static let limit: UInt32 = 256

  /// Whether a page fault in a guest copy is one that a second try can do without: a write to a present page (error code) that the
  /// tables in use allow.
  @inline(never)
  static func mayTryAgain(_ address: UInt64, _ code: UInt32) -> Bool {
    let presentWrite = PageFaultCode.present | PageFaultCode.write
    guard code & presentWrite == presentWrite else { return false }
    let cpu = Ref<PhysicalCPU>.current
    guard cpu[].staleWrites < limit,
      GuestTables.permitWrite(MachineFrame(physical: Registers.cr3), LinearAddress(address))
    else { return false }
    cpu[].staleWrites &+= 1
    return true
  }
}

/// Bits of a page fault's error code.
enum PageFaultCode {
  /// P: the entry was present.
  static let present: UInt32 = 1
  /// W: a write.
  static let write: UInt32 = 2
  /// U: in ring 3.
  static let user: UInt32 = 4
  /// P, W, reserved bit, instruction fetch: what a guest is told of as the CPU says it.
  static let told: UInt32 = 0x1b
}
