// SPDX-License-Identifier: Apache-2.0
//
// The C programs of Integration/programs, linked statically so that they run in an initramfs without any library.

import Foundation

enum StaticPrograms {
  /// Compiles what changed; returns the programs' paths in name order.
  static func build() throws -> [String] {
    let sources = Places.root + "/Integration/programs"
    let outputs = Places.build + "/programs"
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
