// SPDX-License-Identifier: Apache-2.0
//
// Where things are: the repository, what is built, and the cache of downloaded packages.

import Foundation

enum Places {
  /// The repository; `./martlet` passes it on, `swift run` from the repository finds it as the working folder.
  static let root =
    ProcessInfo.processInfo.environment["MARTLET_ROOT"] ?? FileManager.default.currentDirectoryPath

  /// Everything that is made; may be deleted at any time.
  static let build = root + "/build"

  /// Downloaded and unpacked packages; MARTLET_CACHE puts them elsewhere.
  static let cache = ProcessInfo.processInfo.environment["MARTLET_CACHE"] ?? root + "/build/cache"

  /// The bootable image, a 32-bit ELF for multiboot loaders.
  static let image = build + "/martlet"
  /// The 64-bit ELF with symbols.
  static let imageWithSymbols = build + "/martlet.elf"
  /// The GuestKit guests' image.
  static let guests = build + "/guests/guest.elf"
  static let initramfs = build + "/initramfs.gz"
  static let testLogs = build + "/test-logs"
  /// What answers with this host's time.
  static let hostClock = root + "/Integration/programs/host-clock"

  /// A path as the person gave it, made absolute.
  static func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }

  static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  static func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// Makes a file or folder appear at `path` whole or not at all: `make` fills a neighbour, which is then renamed.
  static func atomically(_ path: String, make: (String) throws -> Void) throws {
    let files = FileManager.default
    try makeFolder((path as NSString).deletingLastPathComponent)
    let draft = path + ".draft-\(ProcessInfo.processInfo.processIdentifier)"
    try? files.removeItem(atPath: draft)
    do {
      try make(draft)
      try? files.removeItem(atPath: path)
      try files.moveItem(atPath: draft, toPath: path)
    } catch {
      try? files.removeItem(atPath: draft)
      throw error
    }
  }

  /// Writes a file whole or not at all; leaves it (and its date) alone when it already says the same.
  static func write(_ data: Data, to path: String) throws {
    if let old = FileManager.default.contents(atPath: path), old == data { return }
    try atomically(path) { draft in
      guard FileManager.default.createFile(atPath: draft, contents: data) else {
        throw ToolError.failed("cannot write \(path): is the disk full, or the folder someone else's?")
      }
    }
  }

  static func read(_ path: String) throws -> Data {
    guard let data = FileManager.default.contents(atPath: path) else { throw ToolError.failed("cannot read \(path)") }
    return data
  }
}
