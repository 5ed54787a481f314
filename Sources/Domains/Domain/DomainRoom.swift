// SPDX-License-Identifier: Apache-2.0
// The frame in which a domain's small tables begin. Most domains never need more of them than fits here; a table that
// outgrows its part goes on in frames of its own, which is then what its guest asked for.
//
//   bytes    0 ..<  384   records of the first 48 event ports (PortTable)
//          384 ..<  896   active entries of the first 32 grants (ActiveGrants)
//          896 ..< 1920   the frames of further port records: 256 4-byte words
//         1920 ..< 2048   ports of the virtual interrupts of which the domain has one: 32 4-byte words (EventBindings)
//         2048 ..< 2560   how many ports are free in each frame of records: 256 2-byte words (EventBindings)
//         2560 ..< 3584   the frames of shared grant entries: 256 4-byte words (GrantTable)
//         3584 ..< 3712   the grant table's status frames: 32 4-byte words
//         3712 ..< 3904   the first 24 frames of further active entries
//         3904 ..< 4096   the first 24 frames of mappings
//
// A frame's number fits into four bytes: the physical window ends at 5 TiB (layout.h), far below frame 2^32.

/// Where the tables of a domain's room are, each counted in words of the table's own size.
enum DomainRoom {
  /// Port records, of 8 bytes, from the start of the frame on.
  static let firstPorts = 48
  /// The 8-byte word with the first active entry, of two words each.
  static let firstGrants = 48
  /// How many active entries are there.
  static let grants = 32
  /// The 4-byte word with the first frame of port records.
  static let portFrames = 224
  /// The 4-byte word with the port of virtual interrupt 0.
  static let virtualInterrupts = 480
  /// The 2-byte word with the number of free ports in the first frame of records.
  static let freePorts = 1024
  /// The 4-byte word with the first shared frame of the grant table.
  static let sharedFrames = 640
  /// The 4-byte word with the first status frame.
  static let statusFrames = 896
  /// The 8-byte word with the first frame of further active entries.
  static let activeGrants = 464
  /// The 8-byte word with the first frame of mappings.
  static let mappings = 488
  /// How many frames of active grants, and of mappings, can be named here.
  static let directoryPlaces = 24
}
