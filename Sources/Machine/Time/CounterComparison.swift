// SPDX-License-Identifier: Apache-2.0
// How far apart the counters of two CPUs are: bounds from a handshake in which each sees what the other has read. Pure; the
// handshake itself is in Domains/Time/CounterHandshake.swift.
//
// One CPU reads its counter and asks; the other one reads its own and answers; the first one reads again. The answer was read
// between the two, whatever stood still meanwhile. So each round gives bounds for the difference, and all of them hold at once.

/// What is known of the difference between another CPU's counter and one's own, in ticks.
public struct CounterDifference: BitwiseCopyable, Equatable {
  /// The other one is ahead by this at least (behind, if negative).
  public private(set) var least = Int64.min
  /// The other one is ahead by this at most.
  public private(set) var most = Int64.max
  /// How many rounds it is known from.
  public private(set) var rounds = 0

  /// Nothing is known.
  public init() {}

  /// A round: one's own counter before asking and after the answer, and the other's between.
  public mutating func add(asked: UInt64, answered: UInt64, seen: UInt64) {
    least = max(least, Int64(bitPattern: seen &- answered))
    most = min(most, Int64(bitPattern: seen &- asked))
    rounds &+= 1
  }

  /// Whether both counters may be one and the same: nothing that either CPU has read contradicts it.
  public var mayBeNone: Bool { rounds > 0 && least <= 0 && most >= 0 }

  /// What to go by: no difference while there may be none, or a wide handshake would set a CPU's clock off by half its width.
  public var assumed: Int64 { mayBeNone ? 0 : middle }

  /// The middle of the bounds; 0 when nothing is known.
  public var middle: Int64 { rounds > 0 && least <= most ? least &+ (most &- least) / 2 : 0 }
}

/// Whether guests may be told that the counter is the same on all CPUs and keeps its rate (PVCLOCK_TSC_STABLE_BIT).
public struct CounterTrust: BitwiseCopyable, Equatable {
  /// CPUID 80000007h EDX bit 8: the rate does not change with the processor's states.
  public var isInvariant = false
  /// There is a hypervisor below us. It hides that bit from guests that may be moved to another machine; those have a counter
  /// of constant rate nevertheless, and if not, comparing with the platform timer shows it.
  public var isVirtual = false
  /// The command line says that the counter is not to be trusted (`tsc=unstable`, `tsc=skewed`).
  public var isDoubted = false
  /// Some CPU's counter differs from the first one's, or was not compared.
  public var isSkewed = false

  /// Nothing is known.
  public init() {}

  /// What this CPU tells of its counter.
  public static var ofThisCPU: CounterTrust {
    var trust = CounterTrust()
    trust.isVirtual = Registers.cpuid(1).ecx &>> 31 != 0
    trust.isInvariant = Registers.cpuid(0x8000_0000).eax >= 0x8000_0007 && Registers.cpuid(0x8000_0007).edx & 0x100 != 0
    return trust
  }

  /// The answer.
  public var isStable: Bool { (isInvariant || isVirtual) && !isDoubted && !isSkewed }

  /// Why not, in a few words.
  public var reason: StaticString {
    isDoubted ? "the command line says so" : isSkewed ? "CPUs' counters differ" : "its rate may change"
  }
}
