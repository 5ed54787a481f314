// SPDX-License-Identifier: Apache-2.0
//
// Which hypervisor to boot: ours, Debian's Xen to compare with, or an image that the person names.

import Foundation

enum HypervisorChoice: Equatable {
  case martlet
  case xen
  case image(String)

  static let help = "martlet (built first), xen (Debian's 4.17), or the path of a multiboot image"

  init(_ text: String) {
    switch text {
    case "martlet": self = .martlet
    case "xen": self = .xen
    default: self = .image(Places.absolute(text))
    }
  }

  /// The image's path; builds or fetches it.
  func ensure() throws -> String {
    switch self {
    case .martlet:
      try DebianPackages.ensure([.headers])
      try MetalBuild.hypervisor()
      return Places.image
    case .xen: return try DebianXen.ensure()
    case .image(let path):
      guard Places.exists(path) else { throw ToolError.usage("there is no hypervisor image at \(path)") }
      return path
    }
  }
}
