// SPDX-License-Identifier: Apache-2.0
// Cache maintenance for granted memory: GNTTABOP_cache_flush.
import Domains
import Frames
import Machine
import XenABI

/// GNTTABOP_cache_flush: writes back what caches hold of granted frames that the caller has mapped, for devices that read memory
/// past the caches. On x86 there are none: devices see what CPUs have written, so a clean is done as soon as the checks have
/// passed. Throwing cached data away is refused.
///
/// The entries have no status: the first one that fails ends the call.
///
/// - Throws: `invalid` for bytes outside a page, unknown bits, or a frame of the caller's own; `notSupported` for
///   GNTTAB_CACHE_INVAL and for frames named by their grants (GNTTAB_CACHE_SOURCE_GREF); `notPermitted` for a frame that the
///   caller has no mapping of; `noSuchDomain` for a frame that is no domain's; `invalid` for a bad count; `fault`.
func flushGrantCaches(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let count = try GrantBatch.count(call)
  // How far the search among the caller's mappings has come: kept in the upper half of the first argument, of which the lower
  // is the sub-operation. A guest that sets it skips some of its own mappings.
  var handle = Int(call.arguments[0] &>> 32)
  var done = 0
  while done < count {
    let address = call.address(1) + UInt64(done &* MemoryLayout<CacheFlushEntry>.stride)
    let entry = try GuestMemory.fetch(address, initial: CacheFlushEntry.zero)
    if let frame = try checkCacheFlush(call, entry) {
      var search = Search.goesOn
      while search == .goesOn && !Stretch.isOver {
        search = findMapping(call.domain, frame, from: &handle)
        Stretch.spend(8)
      }
      if search == .missed { throw .notPermitted }
      if search == .goesOn {
        return leave(&call, done, count, handle: handle)
      }
      handle = 0
    }
    done &+= 1
    Stretch.spend()
    if done < count && Stretch.isOver { return leave(&call, done, count, handle: 0) }
  }
  return .success
}

private func leave(_ call: inout Hypercall, _ done: Int, _ count: Int, handle: Int) -> HypercallOutcome {
  call.arguments[0] = UInt64(GrantOperation.cacheFlush.rawValue) | UInt64(handle) &<< 32
  let next = call.address(1) + UInt64(done &* MemoryLayout<CacheFlushEntry>.stride)
  return call.again(.grants, from: next, left: UInt64(count &- done))
}

/// The frame whose mapping has to be looked for; nil if there is nothing to do.
private func checkCacheFlush(_ call: Hypercall, _ entry: CacheFlushEntry) throws(XenError) -> MachineFrame? {
  let known = GrantCacheFlag.clean | GrantCacheFlag.invalidate | GrantCacheFlag.sourceIsGrant
  guard Int(entry.offset) &+ Int(entry.length) <= 4096, entry.op & ~known == 0 else { throw .invalid }
  if entry.length == 0 || entry.op & ~GrantCacheFlag.sourceIsGrant == 0 { return nil }
  if entry.op & (GrantCacheFlag.invalidate | GrantCacheFlag.sourceIsGrant) != 0 { throw .notSupported }
  let frame = MachineFrame(physical: entry.address)
  let owner = ledger[].owner(frame)
  guard owner != call.domain[].id else { throw .invalid }
  guard owner.isOrdinary else { throw .noSuchDomain }
  return frame
}

private enum Search { case found, missed, goesOn }

/// Looks at the next sixteen handles for a mapping of `frame`.
private func findMapping(_ domain: Ref<Domain>, _ frame: MachineFrame, from handle: inout Int) -> Search {
  for _ in 0..<16 {
    let at = handle
    var isPast = false
    let entry: MaptrackEntry? = domain[].grants.withLock { table in
      isPast = at >= table.maptrack.count
      return table.maptrack.mapping(at)
    }
    if isPast { return .missed }
    handle &+= 1
    guard let entry, let granter = Hypervisor.domain(entry.granter) else { continue }
    if granter[].grants.withLock({ table in table.pinnedFrame(entry.reference) }) == frame { return .found }
  }
  return .goesOn
}
