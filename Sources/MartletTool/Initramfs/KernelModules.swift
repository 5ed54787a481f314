// SPDX-License-Identifier: Apache-2.0
//
// Which kernel modules the initramfs carries, and in what order they load. The package has no modules.dep (its
// installation makes that), so what a module needs is read from the module itself.

import Foundation

/// Finds modules and what they depend on in an unpacked kernel package.
struct KernelModules {
  /// Module name (with underscores) to file.
  private let files: [String: String]
  /// Names of those that are part of the kernel image.
  private let builtIn: Set<String>

  init(folder: String) throws {
    var files: [String: String] = [:]
    guard let walker = FileManager.default.enumerator(atPath: folder) else {
      throw ToolError.failed("no kernel modules in \(folder)")
    }
    for case let path as String in walker where path.hasSuffix(".ko") {
      let name = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
      files[name.replacingOccurrences(of: "-", with: "_")] = folder + "/" + path
    }
    self.files = files
    let list = FileManager.default.contents(atPath: folder + "/modules.builtin") ?? Data()
    let names = String(decoding: list, as: UTF8.self).split(separator: "\n").map { line in
      ((String(line) as NSString).lastPathComponent as NSString).deletingPathExtension
        .replacingOccurrences(of: "-", with: "_")
    }
    builtIn = Set(names)
  }

  /// The files of the wanted modules and all they depend on, each after its dependencies; none for what is built in.
  func inLoadOrder(_ wanted: [String]) throws -> [String] {
    var done: Set<String> = []
    var order: [String] = []
    func visit(_ name: String) throws {
      guard !builtIn.contains(name), done.insert(name).inserted else { return }
      guard let file = files[name] else {
        throw ToolError.failed("this kernel has no module '\(name)'")
      }
      for other in KernelModules.dependencies(in: try Places.read(file)) { try visit(other) }
      order.append(file)
    }
    for name in wanted { try visit(name) }
    return order
  }

  /// The `depends=` entry of a module's .modinfo section: names with underscores, comma-separated, ended by a zero byte.
  static func dependencies(in module: Data) -> [String] {
    guard let found = module.range(of: Data("\0depends=".utf8)) else { return [] }
    let rest = module[found.upperBound...]
    guard let end = rest.firstIndex(of: 0) else { return [] }
    return String(decoding: rest[..<end], as: UTF8.self)
      .split(separator: ",")
      .map { $0.replacingOccurrences(of: "-", with: "_") }
  }
}
