// SPDX-License-Identifier: Apache-2.0
// Ending mappings: GNTTABOP_unmap_grant_ref and GNTTABOP_unmap_and_replace.
//
// In three steps: entries are taken out of the page tables; then, once for up to sixteen of them, translations that CPUs may
// still have cached are flushed; only then are the pins given up, and the granter is told.
import Domains
import Frames
import Machine
import XenABI

/// GNTTABOP_unmap_grant_ref: ends mappings, by their handles. Of a mapping for the CPU and for devices either half can be ended
/// alone; an address of zero leaves that half as it is.
///
/// Status per entry: `badHandle`, `badAddress` (the mapping is not there), `badDeviceAddress`.
///
/// - Throws: as `GrantBatch.run`.
func unmapGrantRefs(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let (domain, vcpu) = (call.domain, call.vcpu)
  var pending = PendingUnmaps()
  return try GrantBatch.run(
    &call, initial: UnmapGrantEntry.zero, settle: { pending.settle(domain) },
    { entry in
      do throws(GrantStatus) {
        try pending.begin(
          domain, vcpu, handle: entry.handle, hostAddress: entry.host_addr, deviceAddress: entry.dev_bus_addr,
          newAddress: 0)
        return .okay
      } catch { return error }
    })
}

/// GNTTABOP_unmap_and_replace: ends mappings for the CPU and puts in the place of each what is mapped at another address, which
/// is mapped no more; or nothing, if that address is zero.
///
/// Status per entry: `badHandle`, `badAddress`, and `generalError` for a mapping that was made by a page-table entry's machine
/// address, where only nothing can take its place.
///
/// - Throws: as `GrantBatch.run`.
func unmapGrantRefsAndReplace(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let (domain, vcpu) = (call.domain, call.vcpu)
  var pending = PendingUnmaps()
  return try GrantBatch.run(
    &call, initial: ReplaceGrantEntry.zero, settle: { pending.settle(domain) },
    { entry in
      do throws(GrantStatus) {
        try pending.begin(
          domain, vcpu, handle: entry.handle, hostAddress: entry.host_addr, deviceAddress: 0, newAddress: entry.new_addr
        )
        return .okay
      } catch { return error }
    })
}

/// Mappings that are out of the page tables, whose pins wait for a flush.
private struct PendingUnmaps {
  struct One: BitwiseCopyable {
    var entry: MaptrackEntry
    var handle: UInt32
    /// The halves that end.
    var ends: GrantMapFlags
  }
  // The entries below `count` are meant; at most `GrantBatch.chunk`.
  var list = InlineArray<16, One>(
    repeating: One(entry: MaptrackEntry(.invalid, GrantReference(0), []), handle: 0, ends: []))
  var count = 0
  var needsFlush = false

  /// Takes one mapping out of the page tables.
  @inline(__always)
  mutating func begin(
    _ domain: Ref<Domain>, _ vcpu: Ref<VCPU>, handle: UInt32, hostAddress: UInt64, deviceAddress: UInt64,
    newAddress: UInt64
  ) throws(GrantStatus) {
    let claimed = domain[].grants.withLock { table in table.maptrack.claim(handle) }
    guard let entry = claimed else { throw .badHandle }
    do throws(GrantStatus) {
      let ends = try detach(domain, vcpu, entry, hostAddress, deviceAddress, newAddress)
      list[count] = One(entry: entry, handle: handle, ends: ends)
      count &+= 1
    } catch {
      domain[].grants.withLock { table in table.maptrack.set(handle, entry) }
      throw error
    }
  }

  @inline(__always)
  mutating func detach(
    _ domain: Ref<Domain>, _ vcpu: Ref<VCPU>, _ entry: MaptrackEntry, _ hostAddress: UInt64, _ deviceAddress: UInt64,
    _ newAddress: UInt64
  ) throws(GrantStatus) -> GrantMapFlags {
    guard let granter = Hypervisor.domain(entry.granter) else { throw .generalError }
    let flags = entry.flags
    let frame = granter[].grants.withLock { table in table.pinnedFrame(entry.reference) }
    var ends: GrantMapFlags = flags.intersection(.readOnly)
    if deviceAddress != 0 && flags.contains(.deviceMap) {
      guard deviceAddress == frame.physical else { throw .badDeviceAddress }
      ends.formUnion(.deviceMap)
    }
    if hostAddress != 0 && flags.contains(.hostMap) {
      let containsPTE = flags.contains(.containsPTE)
      let writable = !flags.contains(.readOnly)
      let removal: GrantMapping.Removal
      if newAddress == 0 {
        removal = GrantMapping.remove(
          domain: domain, vcpu: vcpu, hostAddress: hostAddress, containsPTE: containsPTE, expectedFrame: frame,
          writable: writable, replacement: 0)
      } else {
        if containsPTE { throw .generalError }
        removal = GrantMapping.replace(
          domain: domain, vcpu: vcpu, hostAddress: hostAddress, expectedFrame: frame, writable: writable,
          newAddress: newAddress)
      }
      switch removal {
      case .refused: throw .badAddress
      case .accessed: needsFlush = true
      case .untouched: break
      }
      ends.formUnion(.hostMap)
    }
    return ends
  }

  /// Flushes, gives up the pins, and frees or changes the handles.
  mutating func settle(_ domain: Ref<Domain>) {
    if count == 0 { return }
    if needsFlush { TLB.flush(ledger[].accounts.translating(domain[].id)) }
    needsFlush = false
    // Backwards, so that a batch of the same size gets the handles in the same order again.
    while count > 0 {
      count &-= 1
      let one = list[count]
      let pins = GrantPins(one.ends)
      if !pins.isEmpty, let granter = Hypervisor.domain(one.entry.granter) {
        granter[].grants.withLock { table in table.unpin(one.entry.reference, pins) }
      }
      let left = one.entry.flags.subtracting(one.ends.subtracting(.readOnly))
      domain[].grants.withLock { table in
        if left.isDisjoint(with: [.hostMap, .deviceMap]) {
          table.maptrack.free(one.handle)
        } else {
          table.maptrack.set(one.handle, MaptrackEntry(one.entry.granter, one.entry.reference, left))
        }
      }
    }
  }
}
