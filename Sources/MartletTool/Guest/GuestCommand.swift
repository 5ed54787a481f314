// SPDX-License-Identifier: Apache-2.0
//
// `./martlet guest`: disks of further guests for xl in the Debian Domain 0.

import Foundation

enum GuestCommand {
  static let table = OptionTable(
    verb: "guest",
    summary: """
      'guest build NAME' makes a disk with a Debian 12 root file system. From then on 'run' shows it to
      Domain 0 as /dev/disk/by-id/virtio-NAME, with /etc/xen/NAME.cfg to go with it; what the guest
      writes there stays. 'guest list' shows which there are, 'guest delete NAME' removes one.
      """,
    options: [Option("--size", "SIZE", "size of the disk, \(GuestDisk.smallest)M or more (default \(standardSize)M)")])

  /// MiB.
  static let standardSize = 4096

  static func main(_ arguments: [String]) throws -> Int32 {
    let words = Array(arguments.prefix { !$0.hasPrefix("-") })
    guard let values = try table.parse(Array(arguments.dropFirst(words.count))) else { return 0 }
    switch (words.first, words.count) {
    case ("build"?, 2): try build(words[1], values)
    case ("list"?, 1): for disk in try GuestDisk.all() { Report.line("\(disk.name)  \(disk.path)") }
    case ("delete"?, 2):
      let disk = GuestDisk(words[1])
      guard GuestDisk.isGoodName(words[1]), Places.exists(disk.path) else {
        throw ToolError.usage("there is no guest disk '\(words[1])'; 'guest list' shows what there is")
      }
      try FileManager.default.removeItem(atPath: disk.path)
    default: throw ToolError.usage("say 'guest build NAME', 'guest list' or 'guest delete NAME'")
    }
    return 0
  }

  private static func build(_ name: String, _ values: OptionValues) throws {
    guard GuestDisk.isGoodName(name) else {
      throw ToolError.usage(
        "a guest's name is 1 to 20 small letters, digits and hyphens, and not \(GuestDisk.taken.joined(separator: ", ")); not '\(name)'"
      )
    }
    let text = values.string("--size") ?? "\(standardSize)M"
    guard let size = parseMebibytes(text), size >= GuestDisk.smallest else {
      throw ToolError.usage("--size takes a size from \(GuestDisk.smallest)M up, such as 8G, not '\(text)'")
    }
    let disk = GuestDisk(name)
    guard !Places.exists(disk.path) else {
      throw ToolError.usage("the guest disk '\(name)' is there already; 'guest delete \(name)' removes it")
    }
    try disk.build(size: size)
    Report.line(disk.path)
    Report.line("'./martlet run', and in Domain 0 'xl create -c /etc/xen/\(name).cfg', starts it")
  }
}
