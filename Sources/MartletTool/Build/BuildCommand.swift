// SPDX-License-Identifier: Apache-2.0
//
// `./martlet build`: the bootable image, and the guests that test it.

import Foundation

enum BuildCommand {
  static let table = OptionTable(
    verb: "build",
    summary: """
      Builds the hypervisor: build/martlet (32-bit ELF with multiboot and multiboot2 headers, for
      'qemu -kernel' and GRUB), build/martlet.gz, and build/martlet.elf (64-bit, with symbols).
      """,
    options: [Option("--guests", nil, "build build/guests/guest.elf too, the GuestKit guests")])

  static func main(_ arguments: [String]) throws -> Int32 {
    guard let values = try table.parse(arguments) else { return 0 }
    try DebianPackages.ensure([.headers])
    try MetalBuild.hypervisor()
    Report.line(Places.image)
    Report.line(Places.image + ".gz")
    if values.has("--guests") {
      try MetalBuild.guests()
      Report.line(Places.guests)
    }
    return 0
  }
}
