// SPDX-License-Identifier: Apache-2.0
// Mapping grants: GNTTABOP_map_grant_ref.
import Domains
import Machine
import XenABI

/// GNTTABOP_map_grant_ref: maps grants of other domains (or the caller's own) for the CPU, for devices, or for both.
///
/// The order of steps: a handle is set aside, the grant pinned in the granter's table, the page-table entry written, the handle
/// given its meaning. Whatever fails, the steps before it are undone.
///
/// Status per entry: `badReference` (neither purpose asked for, or no such grant), `badDomain`, `noSpace` (handles or pins),
/// `generalError` (the grant does not allow it), `badAddress` (nothing can be mapped there).
///
/// - Throws: as `GrantBatch.run`.
func mapGrantRefs(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let (domain, vcpu) = (call.domain, call.vcpu)
  return try GrantBatch.run(&call, initial: MapGrantEntry.zero) { entry in
    do throws(GrantStatus) {
      try mapGrant(domain, vcpu, &entry)
      return .okay
    } catch { return error }
  }
}

@inline(__always)
private func mapGrant(
  _ domain: Ref<Domain>, _ vcpu: Ref<VCPU>, _ entry: inout MapGrantEntry
) throws(GrantStatus) {
  let flags = GrantMapFlags(rawValue: entry.flags)
  guard !flags.isDisjoint(with: [.hostMap, .deviceMap]) else { throw .badReference }
  let granter = try domain.granter(entry.dom)
  let reference = GrantReference(entry.ref)
  let pins = GrantPins(flags)
  let grantee = domain[].id

  let handle = domain[].grants.withLock { table in table.reserveHandle() }
  guard let handle else { throw .noSpace }
  let frame: MachineFrame
  let id: DomainID
  do throws(GrantStatus) {
    (frame, id) = try granter[].grants.withLock { table throws(GrantStatus) in
      (try table.pin(reference, for: grantee, pins, mapping: true).frame, table.owner)
    }
  } catch {
    domain[].grants.withLock { table in table.maptrack.free(handle) }
    throw error
  }
  if flags.contains(.hostMap) {
    var pte = frame.physical | PTE.present | PTE.user | PTE.noExecute | flags.availableBits
    if !flags.contains(.readOnly) { pte |= PTE.writable }
    guard
      GrantMapping.install(
        domain: domain, vcpu: vcpu, hostAddress: entry.host_addr, containsPTE: flags.contains(.containsPTE), entry: pte)
    else {
      granter[].grants.withLock { table in table.unpin(reference, pins) }
      domain[].grants.withLock { table in table.maptrack.free(handle) }
      throw .badAddress
    }
  }
  domain[].grants.withLock { table in table.maptrack.set(handle, MaptrackEntry(id, reference, flags)) }
  entry.handle = handle
  // Guests read it even when they have not asked for a device mapping.
  entry.dev_bus_addr = frame.physical
}
