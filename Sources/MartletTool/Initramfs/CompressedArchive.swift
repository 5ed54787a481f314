// SPDX-License-Identifier: Apache-2.0
//
// An archive on disk, compressed, and made anew only when its contents have changed.

import Foundation

extension Data {
  /// Writes `path`, compressed by the filter `program` (a shell command), and beside it the plain archive, by which the
  /// next call sees whether there is anything to do. Returns `path`.
  func compressed(to path: String, by program: String) throws -> String {
    let plain = (path as NSString).deletingPathExtension + ".cpio"
    if Places.exists(path), FileManager.default.contents(atPath: plain) == self { return path }
    try? FileManager.default.removeItem(atPath: path)
    try Places.write(self, to: plain)
    try Places.atomically(path) { draft in
      try Shell.run(["sh", "-c", "exec \(program) <\"$1\" >\"$2\"", "sh", plain, draft])
    }
    return path
  }
}
