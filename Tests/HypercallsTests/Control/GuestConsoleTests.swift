// SPDX-License-Identifier: Apache-2.0
// What a domain writes to the machine's console, as a person reads it.
import CXenABI
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct GuestConsoleTests {
  /// Has domain 1 write texts, one call each, to a console that shows guests' lines as told; gives what the console shows.
  static func shown(_ output: GuestOutput, _ texts: [String], end: (Ref<Domain>) -> Void = { _ in }) -> String {
    SystemMachine.run { machine in
      Ref<Console>.create(
        in: machine.world.ownFrames(Ref<Console>.framesNeeded),
        Console(port: nil, ring: machine.world.ownFrames(32), frames: 32)
      ).publish()
      Ref<Console>.shared[].guestOutput = output
      for text in texts {
        let bytes = Array(text.utf8)
        #expect(
          GuestMemory.write(LinearAddress(SystemMachine.buffer), from: bytes.span, count: bytes.count) == bytes.count)
        #expect(Self.write(machine, SystemMachine.buffer, bytes.count) == 0)
      }
      end(machine.other)
      let console = Ref<Console>.shared
      let (first, last) = console.readable(after: nil)
      return String(decoding: (first..<last).map { console.byte(at: $0) }, as: UTF8.self)
    }
  }

  static func write(_ machine: SystemMachine, _ at: UInt64, _ count: Int) -> Int64 {
    machine.world.call(machine.other[].vcpu(index: 0)!, __HYPERVISOR_console_io, [0, UInt64(count), at])
  }

  @Test func linesAreMarkedAndComplete() {
    #expect(Self.shown(.shown, ["one\ntw", "o\n", "thr"]) == "(d1) one\n(d1) two\n")
    #expect(Self.shown(.hidden, ["one\n"]) == "")
  }

  @Test func nothingMovesTheCursor() {
    #expect(Self.shown(.shown, ["a\u{1b}[2J\r\u{8}b\tc\u{7f}\u{e9}\n"]) == "(d1) a[2Jb\tc\n")
    // A line of the hypervisor's cannot be forged: what looks like one is marked.
    #expect(Self.shown(.shown, ["\r(XEN) lie\n"]) == "(d1) (XEN) lie\n")
  }

  @Test func longLinesComeInPieces() {
    let long = String(repeating: "x", count: 300)
    let piece = "(d1) " + String(repeating: "x", count: 120) + "\n"
    #expect(Self.shown(.shown, [long + "\n"]) == piece + piece + "(d1) " + String(repeating: "x", count: 60) + "\n")
  }

  @Test func aDomainThatEndsHasItsLastWordsShown() {
    #expect(Self.shown(.shown, ["last wor"]) { $0.shutDown(reason: ShutdownReason.powerOff) } == "(d1) last wor\n")
  }

  @Test(arguments: [(GuestOutput.shown, 512), (.limited, 10)])
  func lineAfterLineIsLimited(output: GuestOutput, burst: Int) {
    let shown = Self.shown(output, Array(repeating: String(repeating: "again\n", count: 200), count: 10))
    let count = shown.split(separator: "\n").filter { $0 == "(d1) again" }.count
    // Time goes on while this runs.
    #expect(count >= burst && count < burst + 1000, "\(count) lines")
  }

  @Test func howManyLinesWereLeftOutIsSaid() {
    var limit = RateLimit()
    func take(_ count: Int, at now: UInt64) -> Int {
      (0..<count).filter { _ in limit.take(now: now, burst: 3, interval: 100) }.count
    }
    let taken = [take(5, at: 1000), take(1, at: 1099), take(2, at: 1100), take(4, at: 9000)]
    // A long rest fills the stock and no more.
    #expect(taken == [3, 0, 1, 3])
    let text = Self.shown(.limited, [String(repeating: "x\n", count: 14)]) { domain in
      domain[].consoleLine.withLock { $0.limit = RateLimit() }
      let more = Array("y\n".utf8)
      domain.writeConsole(more.span)
    }
    #expect(text.hasSuffix("(d1) [4 lines left out]\n(d1) y\n"))
  }

  @Test func onlyDomain0Reads() {
    SystemMachine.run { machine in
      Ref<Console>.create(
        in: machine.world.ownFrames(Ref<Console>.framesNeeded),
        Console(port: nil, ring: machine.world.ownFrames(2), frames: 2)
      ).publish()
      let answer = machine.world.call(
        machine.other[].vcpu(index: 0)!, __HYPERVISOR_console_io, [1, 8, SystemMachine.buffer])
      #expect(answer == XenError.notPermitted.code)
      Ref<Console>.shared[].guestOutput = .shown
      #expect(Self.write(machine, SystemMachine.end - 4, 8) == XenError.fault.code)
    }
  }
}
