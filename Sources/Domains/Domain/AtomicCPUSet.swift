// SPDX-License-Identifier: Apache-2.0
// A set of small numbers (CPUs, or vCPUs of a domain) that many CPUs change at once.
import Machine

/// A set of numbers below 128 that many CPUs change at once.
public struct AtomicCPUSet: ~Copyable {
  var low = AtomicWord(0)
  var high = AtomicWord(0)

  /// The empty set.
  public init() {}

  /// Adds a number.
  public mutating func insert(_ cpu: Int) {
    if cpu < 64 { low.fetchOr(1 &<< UInt64(cpu)) } else { high.fetchOr(1 &<< UInt64(cpu &- 64)) }
  }
  /// Takes a number out.
  public mutating func remove(_ cpu: Int) {
    if cpu < 64 { low.fetchAnd(~(1 &<< UInt64(cpu))) } else { high.fetchAnd(~(1 &<< UInt64(cpu &- 64))) }
  }
  /// The set at this moment.
  public mutating func load() -> CPUSet {
    var set = CPUSet()
    set.low = low.load()
    set.high = high.load()
    return set
  }
}
