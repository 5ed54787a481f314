// SPDX-License-Identifier: Apache-2.0
//
// The files of an initramfs, gathered from packages and from Integration/ before the archive is written: so that the order
// in which they are found does not matter, a later one replaces an earlier one of its name, and the same files always give
// the same bytes.

import Foundation

struct FileTree {
  enum Entry {
    /// A file on this machine, which is read when the archive is written.
    case file(String, executable: Bool)
    case contents(Data, executable: Bool)
    case link(String)
    case folder
  }

  /// By path without a leading slash. Folders that have something in them need no entry.
  private(set) var entries: [String: Entry] = [:]

  subscript(path: String) -> Entry? {
    get { entries[Self.merged(path)] }
    set { entries[Self.merged(path)] = newValue }
  }

  /// Debian has /bin, /sbin and /lib as links into /usr; its packages do not all say so yet.
  static func merged(_ path: String) -> String {
    for folder in ["bin/", "sbin/", "lib/", "lib64/"] where path.hasPrefix(folder) { return "usr/" + path }
    return path
  }

  /// Takes what is under `folder` and wanted, with its rights and links, to the same place below `prefix`.
  mutating func add(_ folder: String, at prefix: String = "", where wanted: (String) -> Bool = { _ in true }) throws {
    let files = FileManager.default
    for path in try files.subpathsOfDirectory(atPath: folder) where wanted(path) {
      let source = folder + "/" + path
      let attributes = try files.attributesOfItem(atPath: source)
      let rights = (attributes[.posixPermissions] as? Int) ?? 0
      switch attributes[.type] as? FileAttributeType {
      case .typeRegular?: self[prefix + path] = .file(source, executable: rights & 0o111 != 0)
      case .typeSymbolicLink?: self[prefix + path] = .link(try files.destinationOfSymbolicLink(atPath: source))
      default: break
      }
    }
  }

  /// Puts everything into an archive, in the order of the paths.
  func write(to archive: inout CpioArchive) throws {
    for path in entries.keys.sorted() {
      switch entries[path] {
      case .file(let source, let executable)?:
        archive.file(path, try Places.read(source), executable: executable)
      case .contents(let data, let executable)?: archive.file(path, data, executable: executable)
      case .link(let target)?: archive.link(path, to: target)
      case .folder?: archive.folder(path)
      case nil: break
      }
    }
  }
}
