// SPDX-License-Identifier: Apache-2.0
// What the hypervisor says of itself. Everyone may ask everything but the command line: what we are is no secret.
import Domains
import Machine
import XenABI

extension Hypercall {
  /// `xen_version`: command and the address of what it fills (xen/version.h).
  ///
  /// - Throws: `fault`; `notPermitted` for the command line without the right; `noData` for the build id; `notImplemented` for
  ///   an unknown command.
  func xenVersion() throws(XenError) -> HypercallOutcome {
    let out = address(1)
    switch arguments[0] {
    case VersionQuery.version: return .done(4 &<< 16 | 17)
    case VersionQuery.extraVersion: try text("-martlet", out, room: 16)
    case VersionQuery.compileInfo:
      // struct xen_compile_info: compiler, by whom, domain, date.
      try text("Swift 6.3.1 (Embedded)", out, room: 64)
      try text("martlet", out + 64, room: 16)
      try text("martlet", out + 80, room: 32)
      try text(BuildInfo.date, out + 112, room: 32)
    case VersionQuery.capabilities: try text("xen-3.0-x86_64 ", out, room: 1024)
    case VersionQuery.changeset: try text(BuildInfo.changeset, out, room: 64)
    case VersionQuery.platformParameters: try GuestMemory.put(out, UInt64(0xffff_8000_0000_0000))
    case VersionQuery.getFeatures:
      let index = try GuestMemory.fetch(out, initial: UInt32(0))
      guard index == 0 else { throw .invalid }
      try GuestMemory.put(out + 4, features)
    case VersionQuery.pageSize: return .done(4096)
    case VersionQuery.guestHandle:
      let handle = domain[].handle
      try GuestMemory.put(out, handle)
    case VersionQuery.commandLine:
      guard domain[].isPrivileged else {
        try text("<denied>", out, room: 1024)
        return .success
      }
      try CommandLine.copy(to: out)
    case VersionQuery.buildID: throw .noData
    default: throw .notImplemented
    }
    return .success
  }

  /// What XENVER_get_features tells: the same to all, and Domain 0 that it is that.
  private var features: UInt32 {
    let all = Feature.directoriesAbove4GiB | Feature.preservesAccessedDirty | Feature.grantMapAvailableBits
    return domain[].isPrivileged ? all | Feature.domain0 : all
  }

  /// Writes a text with zeros behind it up to `room` bytes.
  private func text(_ text: StaticString, _ out: LinearAddress, room: Int) throws(XenError) {
    var line = TextLine()
    line.put(text)
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    var count = 0
    line.forEach {
      if count < 63 && count < room &- 1 {
        bytes[count] = $0
        count &+= 1
      }
    }
    let span = bytes.span
    guard GuestMemory.write(out, from: span, count: count) == count else { throw .fault }
    guard room == count || GuestMemory.clear(out + UInt64(count), count: room &- count) == room &- count else {
      throw .fault
    }
  }
}

/// What the build knows of itself.
enum BuildInfo {
  /// Not recorded, so that the same sources give the same image.
  static var date: StaticString { "not recorded" }
  static var changeset: StaticString { "not recorded" }
}
