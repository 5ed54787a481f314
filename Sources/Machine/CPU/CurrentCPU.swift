// SPDX-License-Identifier: Apache-2.0
// The CPU that runs this code, and the list of all CPUs as the hardware sees them.
import CMachine

/// A record of which every CPU has its own, found through the stack. Exactly one type in the program conforms.
public protocol PerCPURecord: ~Copyable {}

extension Ref where T: PerCPURecord, T: ~Copyable {
  /// This CPU's record.
  @inlinable @inline(__always)
  public static var current: Ref<T> {
    // SAFETY: 1. `CurrentCPU.bind` put a Ref<T>'s identity there; one type conforms to PerCPURecord.
    unsafe Ref(identity: martlet_current_stack_info().pointee.cpu_record)
  }

  /// Makes this the record that `current` gives on the CPU that runs this.
  public func bindToCurrentCPU() {
    // SAFETY: as above.
    unsafe martlet_current_stack_info().pointee.cpu_record = identity
  }
}

/// What is known of CPUs by their number, counted from 0 in the order in which they were started.
public enum CPUs {
  /// The most CPUs the hypervisor drives.
  public static let limit = Int(MARTLET_MAX_CPUS)

  /// The number of the CPU that runs this code.
  @inlinable @inline(__always)
  public static var current: Int {
    // SAFETY: 1. Our own stack's block.
    unsafe Int(martlet_current_stack_info().pointee.cpu_number)
  }

  @usableFromInline @inline(__always)
  static func record(_ cpu: Int) -> UnsafeMutablePointer<martlet_cpu> {
    precondition(UInt(bitPattern: cpu) < UInt(limit))
    // SAFETY: 1. A static array that is never moved; 2. the index was checked.
    return unsafe withUnsafeMutablePointer(to: &martlet_cpus) {
      unsafe UnsafeMutableRawPointer($0).assumingMemoryBound(to: martlet_cpu.self) + cpu
    }
  }

  /// Whether the CPU takes part in the machine.
  @inlinable public static func isOnline(_ cpu: Int) -> Bool {
    // SAFETY: 1. Checked index.
    unsafe martlet_load32(&record(cpu).pointee.online) != 0
  }

  /// Says that the CPU takes part from now on, or no longer.
  public static func setOnline(_ cpu: Int, _ online: Bool) {
    // SAFETY: 1. Checked index.
    unsafe martlet_store32(&record(cpu).pointee.online, online ? 1 : 0)
  }

  /// The CPU's local APIC identifier.
  @inlinable public static func apicID(_ cpu: Int) -> UInt32 {
    // SAFETY: 1. Checked index.
    unsafe record(cpu).pointee.apic_id
  }

  /// Notes the CPU's local APIC identifier. Before it is started.
  public static func setAPICID(_ cpu: Int, _ id: UInt32) {
    // SAFETY: 1. Checked index; 2. the CPU does not run yet.
    unsafe record(cpu).pointee.apic_id = id
  }
}

/// A set of CPUs by number.
public struct CPUSet: Equatable, BitwiseCopyable {
  /// CPUs 0 to 63, a bit each.
  public var low: UInt64
  /// CPUs 64 to 127.
  public var high: UInt64

  /// The empty set.
  @inlinable public init() {
    low = 0
    high = 0
  }

  /// Whether the CPU is in the set; false for numbers from 128 on.
  @inlinable public func contains(_ cpu: Int) -> Bool {
    cpu < 64 ? low &>> UInt64(cpu) & 1 != 0 : cpu < 128 && high &>> UInt64(cpu &- 64) & 1 != 0
  }
  /// Adds a CPU; numbers from 128 on are not checked for.
  @inlinable public mutating func insert(_ cpu: Int) {
    if cpu < 64 { low |= 1 &<< UInt64(cpu) } else { high |= 1 &<< UInt64(cpu &- 64) }
  }
  /// Takes a CPU out.
  @inlinable public mutating func remove(_ cpu: Int) {
    if cpu < 64 { low &= ~(1 &<< UInt64(cpu)) } else { high &= ~(1 &<< UInt64(cpu &- 64)) }
  }
  /// Whether no CPU is in the set.
  @inlinable public var isEmpty: Bool { low | high == 0 }
  /// Adds all CPUs of another set.
  @inlinable public mutating func formUnion(_ other: CPUSet) {
    low |= other.low
    high |= other.high
  }
  /// The lowest-numbered CPU, or nil.
  @inlinable public var first: Int? {
    low != 0 ? low.trailingZeroBitCount : high != 0 ? 64 &+ high.trailingZeroBitCount : nil
  }
}

extension CPUs {
  /// How many CPUs have ever been started: the online ones have numbers below this.
  @inlinable public static var started: Int {
    // SAFETY: 1. A static word.
    unsafe Int(truncatingIfNeeded: martlet_load64(&martlet_cpus_started))
  }
  /// Notes that CPUs with numbers below `count` have been started.
  public static func setStarted(_ count: Int) {
    // SAFETY: 1. A static word.
    unsafe martlet_store64(&martlet_cpus_started, UInt64(count))
  }
}
