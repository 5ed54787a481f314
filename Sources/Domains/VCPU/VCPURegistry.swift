// SPDX-License-Identifier: Apache-2.0
// All vCPUs by the small number that the scheduler names them by.
import Machine
import Scheduling

/// The table from scheduling handles to vCPU records. Entries are set once, before the vCPU is first admitted to a run queue.
public struct VCPURegistry: ~Copyable {
  var table: PagedTable<Ref<VCPU>?>
  /// The next handle to give out.
  var next: UInt32 = 0

  /// A registry in one frame, with another one for the first entries.
  public init(directory: MachineFrame, first: MachineFrame) {
    table = PagedTable(directory: directory)
    _ = table.grow(by: first, initial: nil)
  }

  /// How many handles have been given out: as many as there have been vCPUs at the same time, as those of vCPUs that are gone
  /// are used again with their records.
  public var count: Int { Int(next) }

  /// Whether another frame is needed before the next vCPU.
  public var isFull: Bool { Int(next) >= table.count }

  /// Adds a frame of entries.
  public mutating func grow(by frame: MachineFrame) -> Bool { table.grow(by: frame, initial: nil) }

  /// The next unused handle; nil when the table is full.
  public mutating func reserve() -> EntityIndex? {
    guard !isFull else { return nil }
    defer { next &+= 1 }
    return EntityIndex(next)
  }

  /// Enters a vCPU under its handle.
  public func set(_ index: EntityIndex, _ vcpu: Ref<VCPU>) { table[Int(index.rawValue)] = vcpu }

  /// The vCPU of a handle that a run queue has given.
  @inline(__always)
  public func find(_ index: EntityIndex) -> Ref<VCPU>? {
    Int(index.rawValue) < table.count ? table[Int(index.rawValue)] : nil
  }
}

/// How run queues reach what they keep of each vCPU.
struct VCPUStore: EntityStore {
  subscript(index: EntityIndex) -> BVTEntity {
    _read { yield vcpu(index)[].entity }
    nonmutating _modify { yield &vcpu(index)[].entity }
  }

  func changeBudget(of index: EntityIndex, _ change: (inout SharedBudget) -> UInt64) -> UInt64 {
    let domain = vcpu(index)[].domain
    var old = domain[].shares.budget.load()
    while true {
      var budget = SharedBudget(rawValue: old)
      let result = change(&budget)
      let found = domain[].shares.budget.compareExchange(expected: old, desired: budget.rawValue)
      if found == old { return result }
      old = found
    }
  }

  func changeWarpBudget(of index: EntityIndex, cpu: Int, _ change: (inout WarpBudget) -> Bool) -> Bool {
    let domain = vcpu(index)[].domain
    return change(&domain[].shares.warps[cpu])
  }

  @inline(__always)
  func vcpu(_ index: EntityIndex) -> Ref<VCPU> {
    guard let vcpu = Ref<Hypervisor>.shared[].vcpus.find(index) else {
      preconditionFailure("a run queue names no vCPU")
    }
    return vcpu
  }
}
