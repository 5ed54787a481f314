// SPDX-License-Identifier: Apache-2.0
// CPU pools: the machine's CPUs divided among groups of domains. A domain's vCPUs run on the CPUs of its pool only.
//
// The scheduler itself knows no pools: a vCPU's affinity, as its run queue has it, never leaves its pool. A change of a pool
// therefore goes through the vCPUs of its domains. That may take longer than one stretch; the change then stays `pending`, and
// the caller comes back with the same request (EAGAIN, XEN_SYSCTL_cpupool_op in xen/sysctl.h).
import Machine
import Scheduling
import XenABI

/// One CPU pool.
public struct CPUPool: BitwiseCopyable {
  /// Its number (`cpupool_id`).
  public let id: UInt32
  /// Its CPUs. The first pool has those too that are not there, so that CPUs that start later are in it.
  public internal(set) var cpus: CPUMask
  /// How long a vCPU runs at least before another one takes its turn, in microseconds (`ratelimit_us`).
  public internal(set) var rateLimit: UInt32 = CPUPools.usualRateLimit

  /// Those of its CPUs that are there.
  public var onlineCPUs: CPUMask { cpus.intersection(Scheduler.onlineCPUs) }
}

/// A CPU that has left a pool or joined one, of which not every vCPU knows yet.
struct PendingCPUChange: BitwiseCopyable {
  let cpu: Int
  let pool: UInt32
  let isRemoval: Bool
  /// The number of the first domain that has not been looked at.
  var next = 0
}

/// All pools.
public struct CPUPools: ~Copyable {
  /// How many there can be.
  public static let limit = 32
  /// The rate limit of a new pool: BVT's context switch allowance.
  public static let usualRateLimit: UInt32 = 1000

  var places = InlineArray<32, CPUPool?>(repeating: nil)
  /// CPUs of no pool.
  public internal(set) var free = CPUMask()
  var pending: PendingCPUChange?

  /// Pool 0 with all CPUs.
  public init() { places[0] = CPUPool(id: 0, cpus: .all) }

  private func place(of id: UInt32) -> Int? {
    for index in 0..<Self.limit {
      if let pool = places[index], pool.id == id { return index }
    }
    return nil
  }

  /// The pool of a number.
  public func find(_ id: UInt32) -> CPUPool? {
    guard let place = place(of: id) else { return nil }
    return places[place]
  }

  /// The pool of a number, or of the next higher one that there is.
  public func find(from id: UInt32) -> CPUPool? {
    var found: CPUPool?
    for index in 0..<Self.limit {
      if let pool = places[index], pool.id >= id, pool.id < found?.id ?? UInt32.max { found = pool }
    }
    return found
  }

  /// The CPUs of a pool, there or not; all for a pool that does not exist.
  func cpus(of id: UInt32) -> CPUMask { find(id)?.cpus ?? .all }

  mutating func change(_ id: UInt32, _ body: (inout CPUPool) -> Void) {
    guard let place = place(of: id), var pool = places[place] else { return }
    body(&pool)
    places[place] = pool
  }

  /// Makes a pool without CPUs, of a number or (nil) of the lowest that is not in use. Gives its number.
  ///
  /// - Throws: `exists`; `noSpace` when there are as many as there can be.
  public mutating func create(_ wanted: UInt32?) throws(XenError) -> UInt32 {
    var id: UInt32 = 0
    if let wanted {
      guard find(wanted) == nil else { throw .exists }
      id = wanted
    } else {
      while find(id) != nil { id &+= 1 }
    }
    for index in 0..<Self.limit where places[index] == nil {
      places[index] = CPUPool(id: id, cpus: CPUMask())
      return id
    }
    throw .noSpace
  }

  /// Ends a pool that has neither CPUs nor domains.
  ///
  /// - Throws: `noEntry` if there is none of that number; `busy` if it has CPUs or domains, or is the first.
  public mutating func destroy(_ id: UInt32) throws(XenError) {
    guard let place = place(of: id), let pool = places[place] else { throw .noEntry }
    guard id != 0, pool.cpus.isEmpty, pending?.pool != id, CPUPools.domainCount(id) == 0 else { throw .busy }
    places[place] = nil
  }

  /// Whether there is a pool of that number with CPUs.
  public static func isUsable(_ id: UInt32) -> Bool {
    Ref<Hypervisor>.shared[].pools.withLock { $0.find(id)?.onlineCPUs.isEmpty == false }
  }

  /// How many domains a pool has.
  public static func domainCount(_ id: UInt32) -> UInt32 {
    var count: UInt32 = 0
    let hypervisor = Ref<Hypervisor>.shared
    for number in 0..<min(hypervisor[].domains.capacity, Int(DomainID.firstReserved)) {
      guard let domain = hypervisor[].domains.find(DomainID(UInt16(number))) else { continue }
      if domain[].shares.pool == id { count &+= 1 }
    }
    return count
  }
}
