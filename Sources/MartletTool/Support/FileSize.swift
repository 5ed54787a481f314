// SPDX-License-Identifier: Apache-2.0
//
// How large a file is, for logs that may be larger than one would like to read.

import Foundation

enum FileSize {
  /// Bytes; 0 for a file that is not there.
  static func of(_ path: String) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? NSNumber)?.intValue ?? 0
  }
}
