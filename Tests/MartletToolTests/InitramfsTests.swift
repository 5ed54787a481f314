// SPDX-License-Identifier: Apache-2.0
//
// The initramfs writer against the format's definition, and reading what a module depends on.

import Foundation
import Testing

@testable import MartletTool

@Suite struct InitramfsTests {
  /// A reader of the newc format, written from its definition: name, mode and contents of each entry.
  func entries(_ data: Data) throws -> [(name: String, mode: Int, contents: Data)] {
    var result: [(String, Int, Data)] = []
    var offset = 0
    while true {
      func field(_ index: Int) throws -> Int {
        let start = offset + 6 + index * 8
        return try #require(Int(String(decoding: data[start..<start + 8], as: UTF8.self), radix: 16))
      }
      #expect(data[offset..<offset + 6] == Data("070701".utf8))
      let nameSize = try field(11)
      let size = try field(6)
      let name = String(decoding: data[(offset + 110)..<(offset + 110 + nameSize - 1)], as: UTF8.self)
      let start = (offset + 110 + nameSize + 3) / 4 * 4
      if name == "TRAILER!!!" { return result }
      result.append((name, try field(1), data[start..<start + size]))
      offset = (start + size + 3) / 4 * 4
    }
  }

  @Test func archiveHoldsWhatWasPut() throws {
    var archive = CpioArchive()
    archive.file("bin/tool", Data([1, 2, 3, 4, 5]), executable: true)
    archive.file("etc/a/b", Data())
    archive.link("bin/other", to: "tool")
    archive.device("dev/console", major: 5, minor: 1)
    archive.folder("etc/a")
    let found = try entries(archive.finished())
    #expect(found.map(\.name) == ["bin", "bin/tool", "etc", "etc/a", "etc/a/b", "bin/other", "dev", "dev/console"])
    #expect(found.map(\.mode) == [0o40755, 0o100755, 0o40755, 0o40755, 0o100644, 0o120777, 0o40755, 0o20600])
    #expect(found[1].contents == Data([1, 2, 3, 4, 5]))
    #expect(found[5].contents == Data("tool".utf8))
  }

  @Test func sameInputGivesTheSameBytes() {
    func make() -> Data {
      var archive = CpioArchive()
      archive.file("a/b", Data("x".utf8))
      return archive.finished()
    }
    #expect(make() == make())
  }

  @Test func dependenciesComeFromTheModuleItself() {
    #expect(
      KernelModules.dependencies(in: Data("x\0depends=virtio,net-failover\0intree=Y\0".utf8)) == [
        "virtio", "net_failover",
      ])
    #expect(KernelModules.dependencies(in: Data("x\0depends=\0intree=Y\0".utf8)) == [])
    #expect(KernelModules.dependencies(in: Data("no such section".utf8)) == [])
  }

  @Test func modulesLoadAfterWhatTheyDependOn() throws {
    let folder = NSTemporaryDirectory() + "/modules-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Places.makeFolder(folder + "/sub")
    for (name, needs) in [("top", "middle-one,low"), ("middle-one", "low"), ("low", "")] {
      try Places.write(Data("\0depends=\(needs)\0".utf8), to: folder + "/sub/\(name).ko")
    }
    let order = try KernelModules(folder: folder).inLoadOrder(["top", "low"])
    #expect(order.map { ($0 as NSString).lastPathComponent } == ["low.ko", "middle-one.ko", "top.ko"])
    #expect(throws: ToolError.self) { try KernelModules(folder: folder).inLoadOrder(["absent"]) }
  }
}
