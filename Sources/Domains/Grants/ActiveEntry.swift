// SPDX-License-Identifier: Apache-2.0
// What the hypervisor itself knows of a grant in use.
import Machine
import XenABI

/// How often a grant is in use: four counts of up to 127, for mappings of each kind. A copy counts as a mapping for the CPU.
public struct GrantPins: Equatable, BitwiseCopyable {
  // Bytes from the low end: CPU reading, CPU writing, device reading, device writing.
  /// The counts, packed.
  public private(set) var raw: UInt32
  static let readMask: UInt32 = 0x00ff_00ff
  static let writeMask: UInt32 = 0xff00_ff00

  @inline(__always) init(raw: UInt32) { self.raw = raw }

  /// No pins.
  public static let none = GrantPins(raw: 0)

  /// One pin for each purpose that a mapping has.
  @inline(__always)
  public init(_ flags: GrantMapFlags) {
    let kinds: UInt32 = (flags.contains(.hostMap) ? 1 : 0) | (flags.contains(.deviceMap) ? 0x1_0000 : 0)
    raw = flags.contains(.readOnly) ? kinds : kinds &<< 8
  }

  /// The pin of a copy.
  @inline(__always)
  public init(copyWriting writing: Bool) { raw = writing ? 0x100 : 1 }

  /// Whether there are none.
  @inline(__always) public var isEmpty: Bool { raw == 0 }
  /// Whether any is for reading only.
  @inline(__always) public var hasRead: Bool { raw & GrantPins.readMask != 0 }
  /// Whether any is for writing.
  @inline(__always) public var hasWrite: Bool { raw & GrantPins.writeMask != 0 }

  /// Whether one more of each of `more` (whose counts are 0 or 1) can be counted.
  @inline(__always) func hasRoom(for more: GrantPins) -> Bool { (raw &+ more.raw) & 0x8080_8080 == 0 }
  /// Whether there is one of each of `some` (whose counts are 0 or 1): no byte borrows from its own top bit.
  @inline(__always) func contains(_ some: GrantPins) -> Bool {
    ((raw | 0x8080_8080) &- some.raw) & 0x8080_8080 == 0x8080_8080
  }
  @inline(__always) static func + (a: GrantPins, b: GrantPins) -> GrantPins { GrantPins(raw: a.raw &+ b.raw) }
  @inline(__always) static func - (a: GrantPins, b: GrantPins) -> GrantPins { GrantPins(raw: a.raw &- b.raw) }

  /// The counts: CPU reading, CPU writing, device reading, device writing.
  public var counts: InlineArray<4, UInt8> {
    [
      UInt8(truncatingIfNeeded: raw), UInt8(truncatingIfNeeded: raw &>> 8), UInt8(truncatingIfNeeded: raw &>> 16),
      UInt8(truncatingIfNeeded: raw &>> 24),
    ]
  }
}

/// What a grant allows.
public enum GrantKind: UInt8, BitwiseCopyable {
  /// The use of a whole frame: mappings and copies.
  case fullPage
  /// Copies from or to a part of a frame.
  case subPage
  /// Copies by way of another domain's grant.
  case transitive
}

/// One grant in use. Sixteen bytes, as there are many.
struct ActiveEntry: BitwiseCopyable {
  /// The frame that is pinned; not meant for transitive grants.
  var frame: MachineFrame
  /// How often.
  var pins: GrantPins
  /// By whom: as all pins rest on one reading of the shared entry, there is one.
  var grantee: DomainID
  /// What was granted.
  var kind: GrantKind

  static let unused = ActiveEntry(frame: .invalid, pins: .none, grantee: .invalid, kind: .fullPage)
}
