// SPDX-License-Identifier: Apache-2.0

// ACPI over tables captured from QEMU 7.2 (`-machine pc`, and `-machine q35 -smp 4`) and over tables made here for what
// QEMU does not have: XSDT, x2APIC, overrides of addresses, hardware-reduced machines.

import Testing

@testable import Images

/// A table with header and checksum.
private func table(_ name: String, _ body: [UInt8], revision: UInt8 = 1) -> [UInt8] {
  var bytes = Array(name.utf8)
  bytes.add(UInt64(body.count + 36), 4)
  bytes += [revision, 0] + Array("MARTLTTESTTEST".utf8)
  bytes += [UInt8](repeating: 0, count: 36 - bytes.count)
  bytes += body
  bytes.fixSum(at: 9)
  return bytes
}

/// Memory with a version 2 root pointer at 0xe0010, an XSDT, and the given tables.
private func machine(_ tables: [[UInt8]], listed: Int? = nil) -> FakeMemory {
  var memory = FakeMemory()
  var root: [UInt8] = []
  for (index, table) in tables.enumerated() {
    memory.put(table, at: UInt64(0x7f00_0000 + index * 0x10000))
    if index < listed ?? tables.count { root.add(UInt64(0x7f00_0000 + index * 0x10000), 8) }
  }
  memory.put(table32("XSDT", root), at: 0x7e00_0000)
  var pointer = Array("RSD PTR ".utf8) + [0] + Array("MARTLT".utf8) + [2]
  pointer.add(0, 4)
  pointer.add(36, 4)
  pointer.add(0x7e00_0000, 8)
  pointer += [0, 0, 0, 0]
  var first = Array(pointer[..<20])
  first.fixSum(at: 8)
  pointer[8] = first[8]
  pointer.fixSum(at: 32)
  memory.put(pointer, at: 0xe0010)
  return memory
}

private func table32(_ name: String, _ body: [UInt8]) -> [UInt8] { table(name, body) }

private func information(_ memory: FakeMemory, copy: PhysicalRange? = nil) -> Result<ACPIInformation, ACPIError> {
  do throws(ACPIError) {
    return .success(try ACPIInformation(from: memory, rootPointer: copy))
  } catch {
    return .failure(error)
  }
}

/// A MADT body: LAPIC address, flags, entries.
private func madt(_ entries: [[UInt8]]) -> [UInt8] {
  table("APIC", [0, 0, 0xe0, 0xfe, 1, 0, 0, 0] + entries.flatMap { $0 })
}

@Suite struct ACPITests {
  @Test func qemuPC() throws {
    let found = try information(FakeMemory(fixture: "acpi-pc.bin")).get()
    #expect(found.tables.rootPointer.address == 0xf59d0 && found.tables.rootPointer.revision == 0)
    #expect(found.tables.tables.count == 4 && found.tables.damaged == 0)
    let controllers = try #require(found.interruptControllers)
    #expect(controllers.localAPICAddress == 0xfee0_0000 && controllers.hasLegacyControllers)
    try #require(controllers.processors.count == 1 && controllers.ioAPICs.count == 1)
    #expect(controllers.ioAPICs[0] == IOAPICEntry(id: 0, address: 0xfec0_0000, firstInterrupt: 0))
    #expect(controllers.overrides.count == 5 && controllers.dropped == 0)
    #expect(controllers.globalInterrupt(forISA: 0).globalInterrupt == 2)
    let nine = controllers.globalInterrupt(forISA: 9)
    #expect(nine.globalInterrupt == 9 && nine.signal.polarity == .high && nine.signal.trigger == .level)
    #expect(
      controllers.globalInterrupt(forISA: 4)
        == InterruptOverride(source: 4, globalInterrupt: 4, signal: InterruptSignal(flags: 0)))
    try #require(controllers.localNMIs.count == 1)
    #expect(controllers.localNMIs[0].processorID == nil && controllers.localNMIs[0].input == 1)
    let fixed = try #require(found.fixedDescription)
    #expect(fixed.controlA == ACPIRegister(port: 0x604, length: 2) && fixed.controlB == nil)
    #expect(fixed.timer?.address == 0x608 && fixed.timer?.space == .io && !fixed.timerHas32Bits)
    #expect(fixed.reset == nil)
    let timer = try #require(found.eventTimer)
    #expect(timer.address == 0xfed0_0000 && timer.comparators == 3 && timer.has64Bits && timer.replacesLegacy)
  }

  @Test func qemuQ35() throws {
    let found = try information(FakeMemory(fixture: "acpi-q35.bin")).get()
    let controllers = try #require(found.interruptControllers)
    try #require(controllers.processors.count == 4)
    #expect(
      (0..<4).allSatisfy { controllers.processors[$0].apicID == UInt32($0) && controllers.processors[$0].isEnabled })
    let fixed = try #require(found.fixedDescription)
    let reset = try #require(fixed.reset)
    #expect(reset.register.address == 0xcf9 && reset.register.space == .io && reset.value == 0x0f)
    #expect(fixed.timer?.address == 0x608 && fixed.timer?.bitWidth == 32)
  }

  @Test func theRootPointerIsLookedForEverywhere() throws {
    let original = try FakeMemory(fixture: "acpi-pc.bin")
    func withPointer(at address: UInt64, segment: UInt16 = 0x9fc0) -> FakeMemory {
      var memory = original
      memory.pieces[0].start = address
      memory.pieces[1].bytes = [UInt8(truncatingIfNeeded: segment), UInt8(segment >> 8)]
      return memory
    }
    #expect(try information(withPointer(at: 0xe0000)).get().tables.rootPointer.address == 0xe0000)
    #expect(try information(withPointer(at: 0xfffe0)).get().tables.rootPointer.address == 0xfffe0)
    #expect(try information(withPointer(at: 0x9fc30)).get().tables.rootPointer.address == 0x9fc30)
    #expect(throws: ACPIError.noRootPointer) { try information(withPointer(at: 0x9fc38)).get() }
    #expect(throws: ACPIError.noRootPointer) { try information(withPointer(at: 0x9fc30, segment: 0xa000)).get() }
    #expect(throws: ACPIError.noRootPointer) { try information(withPointer(at: 0x5_0000)).get() }
    let copy = PhysicalRange(start: 0x5_0008, length: 36)
    #expect(try information(withPointer(at: 0x5_0008), copy: copy).get().tables.rootPointer.address == 0x5_0008)
  }

  @Test func anXSDTIsPreferredAndDamageIsCounted() throws {
    var hpet: [UInt8] = [1, 0xa2, 0x86, 0x80, 0, 0, 0, 0]
    hpet.add(0xfed0_0000, 8)
    hpet += [3, 0, 0, 0]
    var damaged = table("HPET", hpet)
    damaged[40] ^= 1
    let found = try information(machine([damaged, table("HPET", hpet)])).get()
    #expect(found.tables.rootPointer.revision == 2)
    #expect(found.tables.tables.count == 1 && found.tables.damaged == 1 && found.eventTimer?.number == 3)
  }

  @Test func aBadRootTableIsAnError() {
    var memory = machine([])
    memory.pieces[0].bytes[10] ^= 0x10
    #expect(throws: ACPIError.badRootTable) { try information(memory).get() }
    #expect(throws: ACPIError.noRootPointer) { try information(FakeMemory()).get() }
    // Each of the two checksums of a root pointer counts: the first covers 20 bytes, the second all.
    memory = machine([])
    memory.pieces[1].bytes[33] ^= 1
    #expect(throws: ACPIError.noRootPointer) { try information(memory).get() }
    memory = machine([])
    memory.pieces[1].bytes[10] &+= 1
    memory.pieces[1].bytes[33] &-= 1
    #expect(throws: ACPIError.noRootPointer) { try information(memory).get() }
  }

  @Test func theLongerKindsOfMADTEntries() throws {
    var x2apic: [UInt8] = [9, 16, 0, 0]
    for value in [0x123_4567, 1, 77] as [UInt64] { x2apic.add(value, 4) }
    let capable: [UInt8] = [0, 8, 5, 9, 2, 0, 0, 0]
    let absent: [UInt8] = [0, 8, 6, 10, 0, 0, 0, 0]
    let none: [UInt8] = [0, 8, 7, 0xff, 1, 0, 0, 0]
    let address: [UInt8] = [5, 12, 0, 0, 0, 0, 0xe0, 0xfe, 1, 0, 0, 0]
    let nmi: [UInt8] = [10, 12, 0x0d, 0, 77, 0, 0, 0, 1, 0, 0, 0]
    let controllers = try #require(
      information(machine([madt([x2apic, x2apic, capable, absent, none, address, nmi])])).get().interruptControllers)
    try #require(controllers.processors.count == 2)
    #expect(
      controllers.processors[0]
        == ProcessorEntry(processorID: 77, apicID: 0x123_4567, isEnabled: true, isOnlineCapable: false))
    #expect(
      controllers.processors[1] == ProcessorEntry(processorID: 5, apicID: 9, isEnabled: false, isOnlineCapable: true))
    #expect(controllers.localAPICAddress == 0x1_fee0_0000)
    try #require(controllers.localNMIs.count == 1)
    #expect(controllers.localNMIs[0] == LocalNMI(processorID: 77, input: 1, signal: InterruptSignal(flags: 0x0d)))
  }

  @Test func moreOfAnythingThanFitsIsCounted() throws {
    let cpus = (0..<300).map { index -> [UInt8] in
      var entry: [UInt8] = [9, 16, 0, 0]
      for value in [UInt64(index), 1, UInt64(index)] { entry.add(value, 4) }
      return entry
    }
    let controllers = try #require(information(machine([madt(cpus)])).get().interruptControllers)
    #expect(controllers.processors.count == 256 && controllers.dropped == 44)
    let empty = table("WAET", [])
    let found = try information(machine((0..<70).map { _ in empty })).get()
    #expect(found.tables.tables.count == 64 && found.tables.dropped == 6)
  }

  @Test func aMalformedEntryEndsTheMADT() throws {
    let good: [UInt8] = [0, 8, 1, 1, 1, 0, 0, 0]
    for bad in [[0, 0, 1, 1, 1, 0, 0, 0], [0, 1], [0, 200, 1, 1]] as [[UInt8]] {
      let controllers = try #require(information(machine([madt([good, bad])])).get().interruptControllers)
      #expect(controllers.processors.count == 1)
    }
  }

  @Test func theWideFieldsOfAFADTWin() throws {
    var body = [UInt8](repeating: 0, count: 276 - 36)
    func set(_ offset: Int, _ value: UInt64, _ size: Int) { body.set(offset - 36, value, size) }
    set(64, 0x404, 4)
    set(68, 0x408, 4)
    set(89, 2, 1)
    set(112, 1 << 20 | 1 << 8, 4)
    set(172, 0x1001, 2)
    set(176, 0x1804, 8)
    set(184, 1, 1)
    set(188, 0x2_0000, 8)  // No such port: the old field stands.
    let found = try information(machine([table("FACP", body, revision: 6)])).get()
    let fixed = try #require(found.fixedDescription)
    #expect(fixed.timerHas32Bits && fixed.timer == nil)
    #expect(fixed.controlA?.address == 0x1804 && fixed.controlA?.bitWidth == 16)
    #expect(fixed.controlB == ACPIRegister(port: 0x408, length: 2))
    #expect(try information(machine([table("FACP", [1, 2, 3])])).get().fixedDescription == nil)
  }

  @Test(arguments: ["acpi-pc.bin", "acpi-q35.bin"])
  func damageNeverTraps(fixture: String) throws {
    var memory = try FakeMemory(fixture: fixture)
    // Without the long byte code, whose damage is another test, and with the pointer known, this takes a second.
    memory.pieces.removeAll { $0.bytes.count > 1000 }
    let pointer = PhysicalRange(start: memory.pieces[0].start, length: 20)
    for piece in memory.pieces.indices {
      var bytes = memory.pieces[piece].bytes
      let isTable = bytes.count >= 36
      for offset in bytes.indices {
        for value in [0, 0xff, bytes[offset] ^ 0x11] as [UInt8] {
          let (old, oldSum) = (bytes[offset], isTable ? bytes[9] : 0)
          bytes[offset] = value
          // A damaged table with a right checksum goes further than one without.
          if isTable { bytes.fixSum(at: 9) }
          var damaged = memory
          damaged.pieces[piece].bytes = bytes
          _ = information(damaged, copy: pointer)
          bytes[offset] = old
          if isTable { bytes[9] = oldSum }
        }
      }
      for length in bytes.indices {
        var damaged = memory
        damaged.pieces[piece].bytes = Array(bytes[..<length])
        _ = information(damaged, copy: pointer)
      }
    }
  }
}
