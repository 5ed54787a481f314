// SPDX-License-Identifier: Apache-2.0
//
// What goes into an initramfs from packages: places, links, and the libraries that programs ask for.

import Foundation
import Testing

@testable import MartletTool

@Suite struct FileTreeTests {
  /// A folder of its own with these files; a path that ends in "@" is a link to what stands as its text.
  func folder(_ files: [String: String]) throws -> String {
    let folder = NSTemporaryDirectory() + "/tree-\(UUID().uuidString)"
    for (path, text) in files {
      let place = folder + "/" + path.replacingOccurrences(of: "@", with: "")
      try Places.makeFolder((place as NSString).deletingLastPathComponent)
      if path.hasSuffix("@") {
        try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: text)
      } else {
        try Places.write(Data(text.utf8), to: place)
      }
    }
    return folder
  }

  @Test func oldFoldersAreMergedIntoUsr() {
    #expect(FileTree.merged("bin/bash") == "usr/bin/bash")
    #expect(FileTree.merged("sbin/ip") == "usr/sbin/ip")
    #expect(FileTree.merged("lib64/ld.so") == "usr/lib64/ld.so")
    #expect(FileTree.merged("library/x") == "library/x")
    #expect(FileTree.merged("usr/bin/x") == "usr/bin/x")
  }

  @Test func aLaterFileReplacesAnEarlierAndLinksStayLinks() throws {
    let first = try folder(["bin/tool": "first", "bin/other@": "tool", "usr/share/doc/x": "long"])
    let second = try folder(["usr/bin/tool": "second"])
    defer { for path in [first, second] { try? FileManager.default.removeItem(atPath: path) } }
    var tree = FileTree()
    try tree.add(first) { !$0.hasPrefix("usr/share/") }
    try tree.add(second)
    #expect(tree.entries.keys.sorted() == ["usr/bin/other", "usr/bin/tool"])
    guard case .file(let source, executable: false)? = tree["bin/tool"] else {
      Issue.record("not a file")
      return
    }
    #expect(source == second + "/usr/bin/tool")
    guard case .link("tool")? = tree["bin/other"] else {
      Issue.record("not a link")
      return
    }
  }

  @Test func neededLibrariesAreReadFromReadelf() {
    let text = """
      File: /x/xl

      Dynamic section at offset 0x3d0 contains 30 entries:
        Tag        Type                         Name/Value
       0x0000000000000001 (NEEDED)             Shared library: [libxenlight.so.4.17]
       0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
       0x000000000000000e (SONAME)             Library soname: [libnot.so.1]
      """
    #expect(SharedLibraries.needed(by: text) == ["libxenlight.so.4.17", "libc.so.6"])
  }

  @Test func librariesComeWithWhatTheyNeedThemselves() throws {
    // Real ELF files: this machine's shell and its C library, as if they were packages'.
    let library = "/lib/x86_64-linux-gnu/"
    let package = try folder(["lib/x86_64-linux-gnu/unused.so": "not even ELF"])
    defer { try? FileManager.default.removeItem(atPath: package) }
    for name in ["libc.so.6", "libtinfo.so.6", SharedLibraries.loader] {
      try FileManager.default.createSymbolicLink(
        atPath: package + library + name, withDestinationPath: library + name)
    }
    var tree = FileTree()
    tree["bin/bash"] = .file("/bin/bash", executable: true)
    try SharedLibraries.complete(&tree, from: [package])
    let found = tree.entries.keys.filter { $0.hasPrefix(SharedLibraries.folder) }.sorted()
    #expect(found == ["ld-linux-x86-64.so.2", "libc.so.6", "libtinfo.so.6"].map { SharedLibraries.folder + $0 })
    // A program whose libraries no package has is an error, not an image that cannot run it.
    var lacking = FileTree()
    lacking["bin/bash"] = .file("/bin/bash", executable: true)
    #expect(throws: ToolError.self) { try SharedLibraries.complete(&lacking, from: []) }
  }

  @Test func packagesAreReadFromASimulatedInstallation() {
    let text = """
      NOTE: This is only a simulation!
      The following NEW packages will be installed:
        libc6 xen-utils-4.17
      Inst libc6 (2.36-9 Debian:12/stable [amd64])
      Inst libx:amd64 (1-1 Debian:12/stable [amd64]) []
      Conf libc6 (2.36-9 Debian:12/stable [amd64])
      """
    #expect(DebianClosure.installed(by: text) == ["libc6", "libx"])
  }
}
