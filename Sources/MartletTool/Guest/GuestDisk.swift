// SPDX-License-Identifier: Apache-2.0
//
// The guest disks that a person has made with `./martlet guest build`: files in build/guest-disks, each of which the Debian
// Domain 0 sees as /dev/disk/by-id/virtio-NAME and has a configuration /etc/xen/NAME.cfg for.

import Foundation

struct GuestDisk {
  let name: String
  let path: String

  static let folder = Places.build + "/guest-disks"

  init(_ name: String) {
    self.name = name
    path = Self.folder + "/" + name + ".ext4"
  }

  /// All there are, by name.
  static func all() throws -> [GuestDisk] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".ext4") }.sorted().map { GuestDisk(String($0.dropLast(".ext4".count))) }
  }

  /// Names that Domain 0 has for something else.
  static let taken = ["disk", "grub", "cloud", "zstd", "guestkit", "domain0", "localhost"]

  /// The name becomes a domain's, a disk's serial number (20 bytes) and a host name.
  static func isGoodName(_ name: String) -> Bool {
    let letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
    return (1...20).contains(name.count) && name.allSatisfy { letters.contains($0) } && !name.hasPrefix("-")
      && !taken.contains(name)
  }

  /// Makes the disk: a copy of Debian's root file system, grown to `size` MiB.
  func build(size: Int) throws {
    let image = try DebianGuest.ensure()
    try Places.atomically(path) { draft in
      try Shell.run(["cp", "--sparse=always", image, draft], advice: "is there room in \(Self.folder)?")
      try Shell.run(["truncate", "-s", "\(size)M", draft])
      // resize2fs wants a checked file system; e2fsck says 1 when it has put something right.
      let (status, text) = try Shell.result(["/sbin/e2fsck", "-f", "-p", draft])
      guard status <= 1 else { throw ToolError.failed("\(text)\ne2fsck found the copy unsound") }
      try Shell.run(["/sbin/resize2fs", draft], advice: "sizes from \(Self.smallest)M up will do")
    }
  }

  /// MiB: the size of the image that is copied.
  static let smallest = 2048
}
