// SPDX-License-Identifier: Apache-2.0
// Copying between frames of which one or both may be granted: GNTTABOP_copy.
import Domains
import Frames
import Machine
import XenABI

/// GNTTABOP_copy: copies bytes within one page each, from the caller's own frames or from grants to the caller's own frames or
/// to grants.
///
/// Status per entry: `badCopyArgument` (crosses the end of a page), `permissionDenied` (another domain's frame without a
/// grant), `badPage` (not a frame of the caller's, or not one that can be written), `badDomain`, `badReference`, `noSpace`,
/// `generalError` (the grant does not allow it, or not these bytes).
///
/// - Throws: as `GrantBatch.run`.
func copyGrants(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let domain = call.domain
  return try GrantBatch.run(&call, initial: CopyEntry.zero, units: 8) { entry in
    do throws(GrantStatus) {
      try copyGrant(domain, entry)
      return .okay
    } catch { return error }
  }
}

@inline(__always)
private func copyGrant(_ domain: Ref<Domain>, _ entry: CopyEntry) throws(GrantStatus) {
  let count = Int(entry.len)
  let (from, to) = (Int(entry.source_offset), Int(entry.dest_offset))
  guard from &+ count <= 4096, to &+ count <= 4096 else { throw .badCopyArgument }

  let source = try CopySide(
    domain, isGrant: entry.flags & GrantCopyFlag.sourceIsGrant != 0, entry.source_domid, entry.source, writing: false)
  let destination: CopySide
  do throws(GrantStatus) {
    destination = try CopySide(
      domain, isGrant: entry.flags & GrantCopyFlag.destinationIsGrant != 0, entry.dest_domid, entry.dest, writing: true)
  } catch {
    source.release()
    throw error
  }
  let isAllowed =
    from >= source.start && from &+ count <= source.end && to >= destination.start && to &+ count <= destination.end
  if isAllowed { PhysicalWindow.copy(from: source.frame, at: from, to: destination.frame, at: to, count: count) }
  destination.release()
  source.release()
  if !isAllowed { throw .generalError }
}

/// One side of a copy, held for as long as the copy takes.
private struct CopySide: BitwiseCopyable {
  var frame = MachineFrame.invalid
  var start = 0
  var end = 4096
  let writing: Bool
  // The grants pinned for it: none for a frame of the caller's own, two for a transitive one.
  var granter: Ref<Domain>? = nil
  var reference = GrantReference(0)
  var via: Ref<Domain>? = nil
  var viaReference = GrantReference(0)

  /// Finds and holds a side.
  @inline(__always)
  init(_ domain: Ref<Domain>, isGrant: Bool, _ domid: UInt16, _ what: UInt64, writing: Bool) throws(GrantStatus) {
    self.writing = writing
    if isGrant {
      try pin(domain, domid, GrantReference(UInt32(truncatingIfNeeded: what)))
      return
    }
    let own = domain[].id
    guard DomainID(domid) == .current || DomainID(domid) == own else { throw .permissionDenied }
    frame = MachineFrame(what)
    guard PhysicalWindow.contains(frame),
      writing ? ledger[].takeWritable(frame, owner: own) : ledger[].take(frame, owner: own)
    else { throw .badPage }
  }

  @inline(__always)
  mutating func pin(_ domain: Ref<Domain>, _ domid: UInt16, _ reference: GrantReference) throws(GrantStatus) {
    let granter = try domain.granter(domid)
    let (grantee, pins) = (domain[].id, GrantPins(copyWriting: writing))
    let grant = try granter[].grants.withLock { table throws(GrantStatus) in
      try table.pin(reference, for: grantee, pins, mapping: false)
    }
    self.granter = granter
    self.reference = reference
    if grant.kind == .transitive {
      try pinNext(grant)
    } else {
      (frame, start, end) = (grant.frame, grant.start, grant.end)
    }
  }

  /// Pins the grant that a transitive one leads to: one given to the first granter, and not transitive itself.
  mutating func pinNext(_ grant: PinnedGrant) throws(GrantStatus) {
    guard let first = granter else { throw .generalError }
    (via, viaReference) = (first, reference)
    do throws(GrantStatus) {
      guard let next = Hypervisor.domain(grant.nextDomain) else { throw .generalError }
      let pins = GrantPins(copyWriting: writing)
      let grantee = first[].id
      let last = try next[].grants.withLock { table throws(GrantStatus) in
        let last = try table.pin(grant.nextReference, for: grantee, pins, mapping: false)
        if last.kind == .transitive {
          table.unpin(grant.nextReference, pins)
          throw .generalError
        }
        return last
      }
      (granter, reference) = (next, grant.nextReference)
      (frame, start, end) = (last.frame, last.start, last.end)
    } catch {
      granter = nil
      release()
      throw error
    }
  }

  /// Gives up what is held.
  @inline(__always)
  func release() {
    if let granter {
      granter[].grants.withLock { table in table.unpin(reference, GrantPins(copyWriting: writing)) }
    } else if via == nil {
      if writing { ledger[].dropWritable(frame) } else { ledger[].drop(frame) }
    }
    if let via { via[].grants.withLock { table in table.unpin(viaReference, GrantPins(copyWriting: writing)) } }
  }
}
