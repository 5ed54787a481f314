// SPDX-License-Identifier: Apache-2.0
// Printing a grant table: GNTTABOP_dump_table.
import Domains
import Machine
import XenABI

/// GNTTABOP_dump_table: prints the grants in use of a domain's table on the hypervisor's console. For domains that control
/// others: the console is the machine's.
///
/// Prints no more than 64 grants: a serial console is slow, and nothing else happens on this CPU meanwhile.
///
/// Status: `permissionDenied`, `badDomain`.
///
/// - Throws: `invalid` unless the count is one; `fault` if the entry cannot be read or written.
func dumpGrantTable(_ call: Hypercall) throws(XenError) -> HypercallOutcome {
  try call.requireSingleEntry()
  var entry = try GuestMemory.fetch(call.address(1), initial: DumpTableEntry.zero)
  do throws(GrantStatus) {
    guard call.domain[].isPrivileged else { throw .permissionDenied }
    printGrants(of: try call.grantTarget(entry.dom), atMost: 64)
    entry.status = GrantStatus.okay.rawValue
  } catch { entry.status = error.rawValue }
  try GuestMemory.put(call.address(1), entry)
  return .success
}

/// Prints a domain's grant table: a line about the whole, and one for each grant in use, up to a number of those.
public func printGrants(of domain: Ref<Domain>, atMost limit: Int) {
  guard Ref<Console>.isPublished else { return }
  Log.write(.error) { line in domain[].grants.withLock { table in table.writeSummary(to: &line) } }
  var index = 0
  var printed = 0
  while printed < limit {
    var line = TextLine()
    // The lock is not held while the line is printed.
    let next = domain[].grants.withLock { table in table.writeLine(from: index, to: &line) }
    guard let next else { return }
    index = next
    if line.count == 0 { continue }
    Ref<Console>.shared.write(line)
    printed &+= 1
  }
  Log.write(.error, "  (no more are shown)")
}
