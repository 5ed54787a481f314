// SPDX-License-Identifier: Apache-2.0
// What boot loaders hand over, by both protocols, real and damaged.

import Testing

@testable import Images

/// A multiboot 1 structure at 0x9500 as `qemu -kernel` lays it out: two modules, a map, both texts.
private func multiboot1() -> FakeMemory {
  var memory = FakeMemory()
  var info = [UInt8](repeating: 0, count: 120)
  info.set(0, 0x24f, 4)
  info.set(4, 639, 4)
  info.set(8, 130_000, 4)
  info.set(16, 0x9700, 4)
  info.set(20, 2, 4)
  info.set(24, 0x9600, 4)
  info.set(44, 72, 4)
  info.set(48, 0x9800, 4)
  info.set(64, 0x9780, 4)
  memory.put(info, at: 0x9500)
  var modules: [UInt8] = []
  for (start, end, text) in [(0x20_0000, 0xa0_0000, 0x9740), (0xa0_1000, 0xb0_0000, 0)] {
    modules.add(UInt64(start), 4)
    modules.add(UInt64(end), 4)
    modules.add(UInt64(text), 4)
    modules.add(0, 4)
  }
  memory.put(modules, at: 0x9600)
  memory.put(Array("martlet com1=115200,8n1\0".utf8), at: 0x9700)
  memory.put(Array("vmlinuz console=hvc0\0".utf8), at: 0x9740)
  memory.put(Array("qemu\0".utf8), at: 0x9780)
  var map: [UInt8] = []
  for (base, length, type) in [(0, 0x9fc00, 1), (0x9fc00, 0x400, 2), (0x10_0000, 0x7ee_0000, 1)] {
    map.add(20, 4)
    map.add(UInt64(base), 8)
    map.add(UInt64(length), 8)
    map.add(UInt64(type), 4)
  }
  memory.put(map, at: 0x9800)
  return memory
}

/// A multiboot2 block with one of each tag that is read, and one that is not.
private func multiboot2() -> [UInt8] {
  var block = [UInt8](repeating: 0, count: 8)
  func tag(_ type: UInt64, _ body: [UInt8]) {
    block.add(type, 4)
    block.add(UInt64(body.count + 8), 4)
    block += body
    block.pad(to: 8)
  }
  tag(1, Array("loglvl=all noreboot\0".utf8))
  tag(2, Array("GRUB 2.06\0".utf8))
  var module: [UInt8] = []
  module.add(0x100_0000, 4)
  module.add(0x180_0000, 4)
  tag(3, module + Array("root=/dev/sda\0".utf8))
  tag(4, [0x7f, 2, 0, 0, 0, 0, 1, 0])
  tag(8, [UInt8](repeating: 0xee, count: 31))
  var map: [UInt8] = []
  map.add(24, 4)
  map.add(0, 4)
  for (base, length, type) in [
    (0, 0x9f000, 1), (0x10_0000, 0x3ff0_0000, 1), (0xfffc_0000, 0x4_0000, 2), (0x8000, 0, 1),
  ] {
    map.add(UInt64(base), 8)
    map.add(UInt64(length), 8)
    map.add(UInt64(type), 4)
    map.add(0, 4)
  }
  tag(6, map)
  tag(14, Array("RSD PTR ".utf8) + [UInt8](repeating: 0, count: 12))
  tag(15, Array("RSD PTR ".utf8) + [UInt8](repeating: 2, count: 28))
  tag(0, [])
  block.set(0, UInt64(block.count), 4)
  return block
}

private func read(_ memory: FakeMemory) -> Result<BootInformation, BootInformationError> {
  do throws(BootInformationError) {
    return .success(try BootInformation.read(magic: 0x2bad_b002, at: 0x9500, from: memory))
  } catch {
    return .failure(error)
  }
}

private func read2(_ block: [UInt8], magic: UInt32 = 0x36d7_6289) -> Result<BootInformation, BootInformationError> {
  var memory = FakeMemory()
  memory.put(block, at: 0x10_0000)
  do throws(BootInformationError) {
    return .success(try BootInformation.read(magic: magic, at: 0x10_0000, from: memory))
  } catch {
    return .failure(error)
  }
}

@Suite struct BootInformationTests {
  @Test func multiboot1IsRead() throws {
    let memory = multiboot1()
    let information = try read(memory).get()
    #expect(information.bootProtocol == .multiboot1)
    #expect(memory.text(information.commandLine) == "martlet com1=115200,8n1")
    #expect(memory.text(information.loaderName) == "qemu")
    try #require(information.modules.count == 2)
    #expect(information.modules[0].range == PhysicalRange(start: 0x20_0000, end: 0xa0_0000))
    #expect(memory.text(information.modules[0].commandLine) == "vmlinuz console=hvc0")
    #expect(information.modules[1].commandLine == .empty)
    try #require(information.memory.count == 3)
    #expect(information.memory[1] == MemoryRange(range: PhysicalRange(start: 0x9fc00, length: 0x400), kind: .reserved))
    #expect(information.rootPointer == nil)
    // Whatever is pointed to must be listed as occupied.
    for text in [information.commandLine, information.loaderName, information.modules[0].commandLine] {
      let whole = PhysicalRange(start: text.address, length: UInt64(text.length) + 1)
      #expect(information.occupied.indices.contains { information.occupied[$0].contains(whole) })
    }
    #expect(information.occupied.indices.contains { information.occupied[$0] == information.modules[1].range })
  }

  @Test func textsCanBeCopied() throws {
    let memory = multiboot1()
    let information = try read(memory).get()
    var buffer = [UInt8](repeating: 0, count: 10)
    var span = buffer.mutableSpan
    let count = memory.copy(information.commandLine, into: &span)
    #expect(count == 10)
    #expect(buffer == Array("martlet co".utf8))
  }

  @Test func basicMemoryStandsInForAMap() throws {
    var memory = multiboot1()
    memory.pieces[0].bytes.set(0, 0x20f, 4)
    let information = try read(memory).get()
    try #require(information.memory.count == 2)
    #expect(information.memory[1].range == PhysicalRange(start: 1 << 20, length: 130_000 << 10))
    memory.pieces[0].bytes.set(0, 0x4, 4)
    #expect(throws: BootInformationError.noMemoryMap) { try read(memory).get() }
  }

  @Test func multiboot1Faults() {
    var memory = multiboot1()
    memory.pieces[1].bytes.set(4, 0x10_0000, 4)
    #expect(throws: BootInformationError.invertedModule) { try read(memory).get() }
    memory = multiboot1()
    memory.pieces[0].bytes.set(20, 65, 4)
    #expect(throws: BootInformationError.malformed) { try read(memory).get() }
    memory = multiboot1()
    memory.pieces[5].bytes.set(0, 19, 4)
    #expect(throws: BootInformationError.malformed) { try read(memory).get() }
    memory = multiboot1()
    memory.pieces[2].bytes = [UInt8](repeating: 0x61, count: 20000)
    memory.pieces[2].start = 0x1_0000
    memory.pieces[0].bytes.set(16, 0x1_0000, 4)
    #expect(throws: BootInformationError.endlessText) { try read(memory).get() }
    #expect(throws: BootInformationError.unknownLoader) { try read2(multiboot2(), magic: 0).get() }
  }

  @Test func moreModulesThanFitAreCounted() throws {
    var memory = multiboot1()
    memory.pieces[0].bytes.set(20, 11, 4)
    memory.pieces[1].bytes = (0..<11).flatMap { _ in Array(memory.pieces[1].bytes[..<16]) }
    memory.pieces[1].start = 0x8000
    memory.pieces[0].bytes.set(24, 0x8000, 4)
    let information = try read(memory).get()
    try #require(information.modules.count == 8)
    #expect(information.modulesDropped == 3)
  }

  @Test func multiboot2IsRead() throws {
    let block = multiboot2()
    var memory = FakeMemory()
    memory.put(block, at: 0x10_0000)
    let information = try read2(block).get()
    #expect(information.bootProtocol == .multiboot2)
    #expect(memory.text(information.commandLine) == "loglvl=all noreboot")
    #expect(memory.text(information.loaderName) == "GRUB 2.06")
    try #require(information.modules.count == 1)
    #expect(information.modules[0].range == PhysicalRange(start: 0x100_0000, end: 0x180_0000))
    #expect(memory.text(information.modules[0].commandLine) == "root=/dev/sda")
    try #require(information.memory.count == 3)
    #expect(information.rootPointer?.length == 36)
    #expect(information.occupied[0] == PhysicalRange(start: 0x10_0000, length: UInt64(block.count)))
  }

  /// What QEMU 7.2 passes for `-kernel k.elf -initrd "m1 console=hvc0 quiet,m2" -append "com1=115200,8n1 noreboot" -m
  /// 128`.
  @Test func qemuIsUnderstood() throws {
    let memory = try FakeMemory(fixture: "multiboot1-qemu.bin")
    let information = try read(memory).get()
    #expect(memory.text(information.loaderName) == "qemu" && information.textsStartWithFileName)
    #expect(memory.text(information.commandLine) == "k.elf com1=115200,8n1 noreboot")
    try #require(information.modules.count == 2 && information.memory.count == 7)
    #expect(information.modules[0].range == PhysicalRange(start: 0x20_2000, length: 19))
    #expect(information.modules[1].range == PhysicalRange(start: 0x20_3000, length: 6))
    #expect(
      memory.text(information.arguments(of: information.modules[0].commandLine, in: memory)) == "console=hvc0 quiet")
    #expect(memory.text(information.arguments(of: information.modules[1].commandLine, in: memory)) == "")
    let map = MemoryMap(sanitizing: information.memory)
    #expect(map.usableBytes == 0x9fc00 + 0x7ee_0000 && map.endOfRAM == 0x7fe_0000)
  }

  /// What GRUB 2.06 passes for `multiboot2 k.elf loglvl=all noreboot` and two modules in the same machine.
  @Test func grubIsUnderstood() throws {
    let memory = try FakeMemory(fixture: "multiboot2-grub.bin")
    let information = try BootInformation.read(magic: 0x36d7_6289, at: 0x10_00c8, from: memory)
    #expect(memory.text(information.loaderName) == "GRUB 2.06-13+deb12u2" && !information.textsStartWithFileName)
    #expect(memory.text(information.arguments(of: information.commandLine, in: memory)) == "loglvl=all noreboot")
    try #require(information.modules.count == 2 && information.memory.count == 7)
    #expect(information.modules[0].range == PhysicalRange(start: 0x10_1000, length: 19))
    #expect(
      memory.text(information.arguments(of: information.modules[0].commandLine, in: memory)) == "console=hvc0 quiet")
    let copy = try #require(information.rootPointer)
    #expect(ACPIRootPointer(at: copy.start, in: memory)?.rsdt == 0x7fe_1ad8)
    #expect(MemoryMap(sanitizing: information.memory).usableBytes == 0x9fc00 + 0x7ee_0000)
  }

  @Test func damageNeverTraps() {
    var accepted = 0
    forEachDamage(multiboot2()) { if case .success = read2($0) { accepted += 1 } }
    #expect(accepted > 0)
    let memory = multiboot1()
    for piece in memory.pieces.indices {
      forEachDamage(memory.pieces[piece].bytes) { bytes in
        var damaged = memory
        damaged.pieces[piece].bytes = bytes
        _ = read(damaged)
      }
    }
  }

  @Test func noiseNeverTraps() {
    var random = Random(state: 1)
    for _ in 0..<3000 {
      var block = multiboot2()
      for _ in 0..<Int.random(in: 1...40, using: &random) {
        let values: [UInt64] = [
          0, 1, 7, 8, 0x7fff_ffff, 0xffff_ffff, UInt64.random(in: 0...UInt64.max, using: &random),
        ]
        block.set(4 * Int.random(in: 0..<(block.count / 4), using: &random), values.randomElement(using: &random)!, 4)
      }
      _ = read2(block)
    }
  }
}
