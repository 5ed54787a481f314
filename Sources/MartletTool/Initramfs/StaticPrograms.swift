// SPDX-License-Identifier: Apache-2.0
//
// The C programs of Integration/, linked statically so that they run in an initramfs without any library: `programs` for
// the busybox Domain 0, `domain0-programs` for the one with Xen's tools, `guest-programs` for it and its guests.

import Foundation

enum StaticPrograms {
  /// Compiles what changed of one folder; returns the programs' paths in name order.
  static func build(_ folder: String = "programs") throws -> [String] {
    let sources = Places.root + "/Integration/" + folder
    let outputs = Places.build + "/" + folder
    try Places.makeFolder(outputs)
    let files = FileManager.default
    var programs: [String] = []
    for name in try files.contentsOfDirectory(atPath: sources).sorted() where name.hasSuffix(".c") {
      let source = sources + "/" + name
      let program = outputs + "/" + name.dropLast(2)
      programs.append(program)
      if let made = date(program), let changed = date(source), made > changed { continue }
      try Places.atomically(program) { draft in
        try Shell.run(
          ["gcc", "-static", "-O2", "-Wall", "-Werror", "-pthread", "-s", "-o", draft, source],
          advice: "install gcc and libc6-dev")
      }
    }
    return programs
  }

  private static func date(_ path: String) -> Date? {
    (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
  }
}
