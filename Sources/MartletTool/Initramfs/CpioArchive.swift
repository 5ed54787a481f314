// SPDX-License-Identifier: Apache-2.0
//
// An initramfs archive in the kernel's "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst), written
// here rather than by cpio(1) so that it needs no root for devices, and so that the same inputs give the same bytes.

import Foundation

/// A growing archive. Owner is always root and every date 0.
struct CpioArchive {
  private var data = Data()
  private var inode = 0
  private var folders: Set<String> = []

  /// Adds a regular file; missing parent folders are added first. `path` has no leading slash.
  mutating func file(_ path: String, _ contents: Data, executable: Bool = false) {
    parents(of: path)
    entry(path, mode: 0o100000 | (executable ? 0o755 : 0o644), contents: contents)
  }

  /// Adds a symbolic link.
  mutating func link(_ path: String, to target: String) {
    parents(of: path)
    entry(path, mode: 0o120777, contents: Data(target.utf8))
  }

  /// Adds an empty folder and its parents.
  mutating func folder(_ path: String) {
    guard folders.insert(path).inserted else { return }
    parents(of: path)
    entry(path, mode: 0o040755, contents: Data())
  }

  /// Adds a character device.
  mutating func device(_ path: String, major: Int, minor: Int) {
    parents(of: path)
    entry(path, mode: 0o020600, contents: Data(), device: (major, minor))
  }

  /// The finished archive with its end marker.
  consuming func finished() -> Data {
    entry("TRAILER!!!", mode: 0, contents: Data())
    return data
  }

  private mutating func parents(of path: String) {
    guard let slash = path.lastIndex(of: "/") else { return }
    folder(String(path[..<slash]))
  }

  private mutating func entry(_ path: String, mode: Int, contents: Data, device: (major: Int, minor: Int) = (0, 0)) {
    inode += 1
    let links = mode & 0o170000 == 0o040000 ? 2 : 1
    let fields = [
      inode, mode, 0, 0, links, 0, contents.count, 0, 0, device.major, device.minor, path.utf8.count + 1, 0,
    ]
    var header = "070701"
    for field in fields {
      let digits = String(field, radix: 16, uppercase: true)
      header += String(repeating: "0", count: 8 - digits.count) + digits
    }
    data.append(contentsOf: header.utf8)
    data.append(contentsOf: path.utf8)
    data.append(0)
    pad()
    data.append(contents)
    pad()
  }

  private mutating func pad() { while data.count % 4 != 0 { data.append(0) } }
}
