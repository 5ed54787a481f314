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
    case 0: return .done(4 &<< 16 | 17)
    case 1: try text("-martlet", out, room: 16)
    case 2:
      // struct xen_compile_info: compiler, by whom, domain, date.
      try text("Swift 6.3.1 (Embedded)", out, room: 64)
      try text("martlet", out + 64, room: 16)
      try text("martlet", out + 80, room: 32)
      try text(BuildInfo.date, out + 112, room: 32)
    case 3: try text("xen-3.0-x86_64 ", out, room: 1024)
    case 4: try text(BuildInfo.changeset, out, room: 64)
    case 5: try GuestMemory.put(out, UInt64(0xffff_8000_0000_0000))
    case 6:
      let index = try GuestMemory.fetch(out, initial: UInt32(0))
      guard index == 0 else { throw .invalid }
      try GuestMemory.put(out + 4, features)
    case 7: return .done(4096)
    case 8:
      let handle = domain[].handle
      try GuestMemory.put(out, handle)
    case 9:
      guard domain[].isPrivileged else {
        try text("<denied>", out, room: 1024)
        return .success
      }
      try CommandLine.copy(to: out)
    case 10: throw .noData
    default: throw .notImplemented
    }
    return .success
  }

  /// XENFEAT_*: page directories above 4 GiB, MMU_PT_UPDATE_PRESERVE_AD, available bits in grant mappings; and for
  /// Domain 0 that it is that.
  private var features: UInt32 {
    var bits: UInt32 = 1 &<< 4 | 1 &<< 5 | 1 &<< 7

    if domain[].isPrivileged { bits |= 1 &<< 11 }
    return bits
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
