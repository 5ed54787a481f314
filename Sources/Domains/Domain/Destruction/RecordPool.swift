// SPDX-License-Identifier: Apache-2.0
// Records of domains and vCPUs that are free: memory that has held one holds one again, never anything else (see `Ref`).
//
// Frames that are no records, but hold plain words (tables of ports and grants, large register images), go back to the
// allocator.
import Frames
import Machine
import Scheduling
import XenABI

/// Free records. Under a lock of rank `domainTable`. Nobody has a Ref to one of them that means who used it before (R1).
public struct RecordPool: ~Copyable {
  var domains: Ref<Domain>?
  var vcpus: Ref<VCPU>?
  /// How many frames the free records take.
  var frames: UInt64 = 0

  /// No free records.
  init() {}
}

extension RecordPool {
  private static var shared: Ref<Lock<RecordPool>> { Ref<Hypervisor>.shared.field { .to(&$0.records) } }

  /// How many frames are kept for new domains and vCPUs, in the form of free records.
  public static var keptFrames: UInt64 { shared[].withLock { $0.frames } }

  static func order(of frames: UInt64) -> Int {
    var order = 0
    while UInt64(1) &<< UInt64(order) < frames { order &+= 1 }
    return order
  }

  /// Where a new domain's record is to be.
  enum DomainPlace {
    case used(Ref<Domain>)
    case fresh(MachineFrame)
  }

  /// A place for a new domain's record. Nil without memory.
  static func takeDomain() -> DomainPlace? {
    let order = order(of: Ref<Domain>.framesNeeded)
    let free: Ref<Domain>? = shared[].withLock { pool in
      guard let record = pool.domains else { return nil }
      pool.domains = record[].destruction.next
      pool.frames &-= 1 &<< UInt64(order)
      return record
    }
    if let free { return .used(free) }
    return ledger[].allocateOwn(order: order).map { .fresh($0) }
  }

  /// Makes the record of a new domain in its place.
  static func fill(_ place: DomainPlace, _ value: consuming Domain) -> Ref<Domain> {
    switch place {
    case .used(let record):
      record[] = value
      return record
    case .fresh(let frame): return Ref<Domain>.create(in: frame, value)
    }
  }

  /// A record for a new vCPU, with a handle of its own for the scheduler: `make` gets the handle, and the frame that the record
  /// is in, of which what stands behind the record (`Ref.tail`) is from before. Nil without memory.
  static func makeVCPU(_ make: (EntityIndex, MachineFrame) -> VCPU) -> Ref<VCPU>? {
    precondition(Ref<VCPU>.framesNeeded == 1)
    let free: Ref<VCPU>? = shared[].withLock { pool in
      guard let record = pool.vcpus else { return nil }
      pool.vcpus = record[].nextFree
      pool.frames &-= 1
      return record
    }
    if let free {
      // The handle goes with the record: the registry's entry stays as it is.
      free[] = make(free[].index, free[].room)
      return free
    }
    guard let place = ledger[].allocateOwn() else { return nil }
    guard let handle = newHandle() else {
      ledger[].freeOwn(place)
      return nil
    }
    let vcpu = Ref<VCPU>.create(in: place, make(handle, place))
    Ref<Hypervisor>.shared[].vcpus.set(handle, vcpu)
    return vcpu
  }

  /// A handle that no vCPU has had, with room for it in the registry and in every CPU's timer queue, so that no timer is ever
  /// lost. Nil without memory.
  private static func newHandle() -> EntityIndex? {
    let hypervisor = Ref<Hypervisor>.shared
    return shared[].withLock { _ in
      if hypervisor[].vcpus.isFull {
        guard let frame = ledger[].allocateOwn() else { return nil }
        guard hypervisor[].vcpus.grow(by: frame) else {
          ledger[].freeOwn(frame)
          return nil
        }
      }
      let wanted = hypervisor[].vcpus.count &+ 1
      for number in 0..<CPUs.limit {
        guard let cpu = hypervisor[].cpus[number] else { continue }
        guard cpu[].timers.withLock({ $0.makeRoom(for: wanted) }) else { return nil }
      }
      return hypervisor[].vcpus.reserve()
    }
  }

  /// Keeps a domain's record for another one.
  static func free(_ domain: Ref<Domain>) {
    shared[].withLock { pool in
      domain[].destruction.next = pool.domains
      pool.domains = domain
      pool.frames &+= 1 &<< UInt64(order(of: Ref<Domain>.framesNeeded))
    }
  }

  /// Keeps a vCPU's record for another one.
  static func free(_ vcpu: Ref<VCPU>) {
    shared[].withLock { pool in
      vcpu[].nextFree = pool.vcpus
      pool.vcpus = vcpu
      pool.frames &+= 1
    }
  }
}
