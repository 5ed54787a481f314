// SPDX-License-Identifier: Apache-2.0
// The console ring as `xl dmesg` reads it, and debug keys as `xl debug-keys` presses them.
import CXenABI
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct ConsoleControlTests {
  /// A machine whose console keeps two frames, and has put in `produced` bytes before.
  static func run(produced: UInt64 = 0, _ body: (SystemMachine) -> Void) {
    SystemMachine.run { machine in
      Ref<Console>.create(
        in: machine.world.ownFrames(Ref<Console>.framesNeeded),
        Console(port: nil, ring: machine.world.ownFrames(2), frames: 2, produced: produced)
      ).publish()
      body(machine)
    }
  }

  static func say(_ text: String) {
    let bytes = Array(text.utf8)
    Ref<Console>.shared[].keepsDomain0 = true
    Ref<Console>.shared.write(raw: bytes.span)
  }

  /// What a reader gets, and the position it gets.
  static func read(
    _ machine: SystemMachine, room: UInt32 = 0x4000, clear: Bool = false, after index: UInt32? = nil,
    at: UInt64 = SystemMachine.buffer
  ) -> (text: String, index: UInt32, result: Int64) {
    let answer = machine.sysctl(
      XEN_SYSCTL_readconsole,
      martlet_readconsole(
        clear: clear ? 1 : 0, incremental: index != nil ? 1 : 0, pad0: 0, pad1: 0, index: index ?? 0, buffer: at,
        count: room, padding: 0))
    guard answer == 0 else { return ("", 0, answer) }
    let told = machine.get(machine.body, martlet_readconsole())
    let bytes = (0..<UInt64(told.count)).map { machine.get(at + $0, UInt8(0)) }
    return (String(decoding: bytes, as: UTF8.self), told.index, answer)
  }

  @Test func `everything, again and again`() {
    Self.run { machine in
      #expect(Self.read(machine).text == "")
      Self.say("first\n")
      Self.say("second\n")
      #expect(Self.read(machine).text == "first\nsecond\n")
      #expect(Self.read(machine).text == "first\nsecond\n")
      #expect(Self.read(machine).index == 13)
      #expect(Self.read(machine, room: 3).text == "fir")
      #expect(Self.read(machine, room: 0).text == "")
      Self.say("third")
      #expect(Self.read(machine, after: 13).text == "third")
      // A position that has not been reached, or that is gone, counts for nothing.
      #expect(Self.read(machine, after: 900).text == "first\nsecond\nthird")
    }
  }

  @Test func `what has been read and cleared does not come again`() {
    Self.run { machine in
      Self.say("one two")
      #expect(Self.read(machine, room: 4, clear: true).text == "one ")
      #expect(Self.read(machine, clear: true).text == "two")
      #expect(Self.read(machine).text == "")
      Self.say("three")
      #expect(Self.read(machine).text == "three")
      // Nor for one who goes on from before.
      #expect(Self.read(machine, after: 0).text == "three")
    }
  }

  /// Where the 32 bits of a position run over, too.
  @Test(arguments: [0, 8190, 1 << 32 - 5, 1 << 32 + 3 as UInt64]) func `the newest stay`(produced: UInt64) {
    Self.run(produced: produced) { machine in
      Ref<Console>.shared.clear(upTo: produced)
      #expect(Self.read(machine).text == "")
      let text = (0..<2500).map { "\($0 % 10)abc" }.joined()
      Self.say(text)
      let read = Self.read(machine)
      #expect(read.text == String(text.suffix(8192)))
      #expect(read.index == UInt32(truncatingIfNeeded: produced + 10000))
      #expect(Self.read(machine, after: read.index &- 6).text == String(text.suffix(6)))
      #expect(Self.read(machine, after: read.index).text == "")
    }
  }

  @Test func `a buffer that is not there changes nothing`() {
    Self.run { machine in
      Self.say("hello")
      #expect(Self.read(machine, clear: true, at: SystemMachine.end - 4).result == XenError.fault.code)
      #expect(Self.read(machine, clear: true, at: 0xffff_8300_0000_0000).result == XenError.fault.code)
      #expect(Self.read(machine, at: SystemMachine.end - 5).text == "hello")
    }
  }

  @Test func `keys are pressed one after the other`() {
    Self.run { machine in
      let press = { (keys: String, at: UInt64) -> Int64 in
        for (index, byte) in keys.utf8.enumerated() where at + UInt64(index) < SystemMachine.end {
          machine.put(at + UInt64(index), byte)
        }
        return machine.sysctl(
          XEN_SYSCTL_debug_keys, martlet_debug_keys(keys: at, nr_keys: UInt32(keys.utf8.count), padding: 0))
      }
      #expect(press("", 0) == 0)
      #expect(Self.read(machine).text == "")
      #expect(press("ht", SystemMachine.buffer) == 0)
      let text = Self.read(machine, clear: true).text
      #expect(text.contains("'h' pressed"))
      #expect(text.contains("this list"))
      #expect(text.contains("'t' pressed"))
      #expect(text.contains("system time"))
      // Bytes that are no keys: nothing is pressed, and nobody gets the keyboard.
      machine.put(SystemMachine.buffer, UInt64.max)
      #expect(
        machine.sysctl(XEN_SYSCTL_debug_keys, martlet_debug_keys(keys: SystemMachine.buffer, nr_keys: 8, padding: 0))
          == 0)
      #expect(Self.read(machine, clear: true).text == "")
      // A list that ends in nothing: those before are pressed.
      #expect(press("qq", SystemMachine.end - 1) == XenError.fault.code)
      #expect(Self.read(machine).text.contains("'q' pressed"))
    }
  }

  /// Whoever follows the ring is told on the way out, once for all that has been said since; of what is not kept nobody is.
  @Test func `more in the ring is work for the way out`() {
    Self.run { _ in
      let cpu = Ref<PhysicalCPU>.current
      _ = cpu[].work.exchange(0)
      Ref<Console>.shared.write(raw: [UInt8(ascii: "x")].span)
      #expect(cpu[].work.load() & CPUWork.consoleRing == 0)
      Self.say("x")
      #expect(cpu[].work.load() & CPUWork.consoleRing != 0)
      _ = cpu[].work.exchange(0)
      Log.write(.error, "message")
      #expect(cpu[].work.load() & CPUWork.consoleRing != 0)
    }
  }
}
