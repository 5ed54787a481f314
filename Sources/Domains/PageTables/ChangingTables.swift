// SPDX-License-Identifier: Apache-2.0
// The one way to change a domain's page tables: its lock is taken, what every change needs is put together, and what dies on the
// way is noted.
import Frames
import Machine

extension Ref where T == Domain {
  /// Runs `body` with a session on this domain's page tables, by the rules for its own.
  ///
  /// Tables that have died meanwhile, or that an operation before has left, are taken apart before the guest that runs here goes
  /// on (T1). If they are another domain's, the look at that guest's own queue is all that comes of the note; the caller sees to
  /// the other's, or that domain's next vCPU or operation does.
  ///
  /// - Throws: what `body` throws.
  @discardableResult
  @inline(__always)
  public func changingTables<R, E: Error>(
    _ body: (inout TableSession) throws(E) -> R
  ) throws(E) -> R {
    try changingTables(by: entryRules(), body)
  }

  /// As above, by other rules: entries may lead to another domain's frames.
  @discardableResult
  @inline(__always)
  public func changingTables<R, E: Error>(
    by rules: EntryRules, _ body: (inout TableSession) throws(E) -> R
  ) throws(E) -> R {
    try self[].pageTables.withLock { session throws(E) in
      session.obey(rules)
      defer { PhysicalCPU.noteTeardown(session.work.isEmpty) }
      return try body(&session)
    }
  }

  /// What the entries of this domain's own page tables may hold.
  @inline(__always)
  public func entryRules() -> EntryRules {
    EntryRules(
      tableOwner: self[].id, frameOwner: self[].id, mayMapDevices: self[].mayUseHardware,
      physicalBits: CPUFeatures.current.physicalBits, hypervisorRoot: Ref<Hypervisor>.shared[].tables.root)
  }
}
