// SPDX-License-Identifier: Apache-2.0
// The operations on a grant table as a whole: GNTTABOP_setup_table, query_size, set_version, get_version, get_status_frames,
// swap_grant_ref and dump_table.
import Domains
import Machine
import XenABI

/// GNTTABOP_setup_table: makes a table at least so many frames long and tells where they are.
///
/// Status: `permissionDenied`, `badDomain`, `generalError` (more than the limit, or no memory), `badAddress` (the list cannot be
/// written).
///
/// - Throws: `invalid` unless the count is one; `fault` if the entry cannot be read or written.
func setupGrantTable(_ call: Hypercall) throws(XenError) -> HypercallOutcome {
  try call.requireSingleEntry()
  var entry = try GuestMemory.fetch(call.address(1), initial: SetupTableEntry.zero)
  var isPreempted = false
  entry.status = status { () throws(GrantStatus) in
    let target = try call.grantTarget(entry.dom)
    let wanted = Int(entry.nr_frames)
    guard try grow(target, to: wanted) else {
      isPreempted = true
      return
    }
    try writeFrames(entry.frame_list, wanted) { index in
      target[].grants.withLock { table in table.frame(ofTableIndex: index) }
    }
  }
  // What has been made stays, so the call begins again as it is.
  if isPreempted { return .again }
  try GuestMemory.put(call.address(1), entry)
  return .success
}

/// Makes a table longer, a frame at a time: each is allocated and cleared, and so are the active entries for it. False if the
/// stretch is over before that is done (B1).
///
/// - Throws: `generalError` beyond the limit, or without memory.
private func grow(_ target: Ref<Domain>, to wanted: Int) throws(GrantStatus) -> Bool {
  while true {
    let (has, most) = target[].grants.withLock { table in (table.frameCount, table.limits.frames) }
    guard wanted <= most else { throw .generalError }
    if has < wanted && Stretch.isOver { return false }
    let next = min(max(has &+ 1, 1), wanted)
    guard target[].grants.withLock({ table in table.grow(to: next) }) else { throw .generalError }
    if has >= wanted { return true }
    Stretch.spend(Stretch.frame &* 16)
  }
}

/// GNTTABOP_get_status_frames: tells where the status frames of a version 2 table are.
///
/// Status: `permissionDenied`, `badDomain`, `generalError` (version 1, or fewer frames than asked for), `badAddress`.
///
/// - Throws: as `setupGrantTable`.
func getGrantStatusFrames(_ call: Hypercall) throws(XenError) -> HypercallOutcome {
  try call.requireSingleEntry()
  var entry = try GuestMemory.fetch(call.address(1), initial: StatusFramesEntry.zero)
  entry.status = status { () throws(GrantStatus) in
    let target = try call.grantTarget(entry.dom)
    let wanted = Int(entry.nr_frames)
    let has = target[].grants.withLock { table in table.version == 2 ? table.statusFrameCount : -1 }
    guard wanted <= has else { throw .generalError }
    try writeFrames(entry.frame_list, wanted) { index in
      target[].grants.withLock { table in table.frame(ofStatusIndex: index) }
    }
  }
  try GuestMemory.put(call.address(1), entry)
  return .success
}

/// GNTTABOP_query_size: tells how large a table is and how large it may become, in frames.
///
/// Status: `permissionDenied`, `badDomain`.
///
/// - Throws: as `setupGrantTable`.
func queryGrantTableSize(_ call: Hypercall) throws(XenError) -> HypercallOutcome {
  try call.requireSingleEntry()
  var entry = try GuestMemory.fetch(call.address(1), initial: QuerySizeEntry.zero)
  entry.status = status { () throws(GrantStatus) in
    let target = try call.grantTarget(entry.dom)
    let (has, most) = target[].grants.withLock { table in (table.frameCount, table.limits.frames) }
    entry.nr_frames = UInt32(truncatingIfNeeded: has)
    entry.max_nr_frames = UInt32(truncatingIfNeeded: most)
  }
  try GuestMemory.put(call.address(1), entry)
  return .success
}

/// GNTTABOP_set_version: changes the version of the caller's entries, and tells which one is in force, also when it could not be
/// changed.
///
/// - Throws: `invalid`, `notImplemented`, `busy`, `outOfRange`, `noMemory` (see `GrantTable.setVersion`); `fault`.
func setGrantTableVersion(_ call: Hypercall) throws(XenError) -> HypercallOutcome {
  try call.requireSingleEntry()
  var entry = try GuestMemory.fetch(call.address(1), initial: SetVersionEntry.zero)
  let wanted = entry.version
  var failure: XenError?
  var now = 1
  call.domain[].grants.withLock { table in
    do throws(XenError) { try table.setVersion(wanted) } catch { failure = error }
    now = table.version
  }
  entry.version = UInt32(truncatingIfNeeded: now)
  try GuestMemory.put(call.address(1), entry)
  if let failure { throw failure }
  return .success
}

/// GNTTABOP_get_version: tells the version of a domain's entries.
///
/// - Throws: `invalid` unless the count is one; `notPermitted`; `noSuchDomain`; `fault`.
func getGrantTableVersion(_ call: Hypercall) throws(XenError) -> HypercallOutcome {
  try call.requireSingleEntry()
  var entry = try GuestMemory.fetch(call.address(1), initial: GetVersionEntry.zero)
  let version = try call.target(entry.dom)[].grants.withLock { table in table.version }
  entry.version = UInt32(truncatingIfNeeded: version)
  try GuestMemory.put(call.address(1), entry)
  return .success
}

/// GNTTABOP_swap_grant_ref: exchanges entries of the caller's table that are not in use.
///
/// Status per entry: `badReference`, `tryAgain` (in use).
///
/// - Throws: as `GrantBatch.run`.
func swapGrantRefs(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let domain = call.domain
  return try GrantBatch.run(&call, initial: SwapGrantEntry.zero) { entry in
    let (a, b) = (GrantReference(entry.ref_a), GrantReference(entry.ref_b))
    do throws(GrantStatus) {
      try domain[].grants.withLock { table throws(GrantStatus) in try table.swap(a, b) }
      return .okay
    } catch { return error }
  }
}

/// Runs `body` and gives what it ends in as the raw status.
private func status(_ body: () throws(GrantStatus) -> Void) -> Int16 {
  do throws(GrantStatus) {
    try body()
    return GrantStatus.okay.rawValue
  } catch { return error.rawValue }
}

/// Writes frame numbers to a list of 8-byte words in guest memory. At most 256, as tables are no longer.
private func writeFrames(
  _ list: UInt64, _ count: Int, _ frame: (UInt64) -> MachineFrame?
) throws(GrantStatus) {
  var index: UInt64 = 0
  while index < UInt64(count) {
    guard let frame = frame(index) else { throw .generalError }
    do { try GuestMemory.write(LinearAddress(list &+ index &* 8), frame.number) } catch { throw .badAddress }
    index &+= 1
  }
}
