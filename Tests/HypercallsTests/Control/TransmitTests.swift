// SPDX-License-Identifier: Apache-2.0
// What goes out over the serial line: nobody waits for it, nothing comes twice or out of order, what finds no room is said, and a
// panic has all of it out first.
import Foundation
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct TransmitTests {
  static let capacity = 4096

  /// A console on a simulated UART with a queue of one frame; `isSlow`: the UART sends only when it is told to.
  static func run(isSlow: Bool = true, _ body: (SystemMachine, Ref<Console>) -> Void) {
    SystemMachine.run { machine in
      PanicState.forget()
      var port = SerialPort(base: 0x3f8)
      Simulation.startUART(base: 0x3f8, isInstant: !isSlow)
      port.configure(divisor: 0, format: 3)
      let console = Ref<Console>.create(
        in: machine.world.ownFrames(Ref<Console>.framesNeeded),
        Console(
          port: port, ring: machine.world.ownFrames(8), frames: 8, queue: machine.world.ownFrames(1),
          queueBytes: UInt64(capacity)))
      console.publish()
      console.goAsynchronous(hasInterrupt: true)
      _ = Ref<PhysicalCPU>.current[].work.exchange(0)
      body(machine, console)
      PanicState.forget()
    }
  }

  static var text: String {
    String(decoding: (0..<Simulation.uartBytes.taken).map { Simulation.uartByte($0) }, as: UTF8.self)
  }

  /// The line sends on, and each time it interrupts is heard, until it says no more.
  static func sendAll() {
    for _ in 0..<10_000 where Simulation.uartSends() { ConsoleInput.run() }
  }

  @Test func nobodyWaits() {
    Self.run { _, console in
      for number in 0..<20 { Log.write(.error) { $0.put(decimal: UInt64(number)) } }
      // The first line, and no more before the FIFO is empty again.
      #expect(Simulation.uartBytes.taken == 9)
      let work = Ref<PhysicalCPU>.current[].work.load()
      #expect(work & CPUWork.transmit != 0)
      Self.sendAll()
      #expect(Self.text == (0..<20).map { "(XEN) \($0)\r\n" }.joined())
      #expect(Simulation.uartBytes.lost == 0)
      console[].lock.withLock { ring in #expect(!ring.queue.isAsking && ring.queue.sent == ring.queue.queued) }
    }
  }

  /// Rule U1: without a single interrupt the timer of the CPU that left something sends it.
  @Test func aLostInterruptOnlyDelays() {
    Self.run { _, console in
      let cpu = Ref<PhysicalCPU>.current
      Log.write(.error, "0123456789abcdefghijklmnopqrstuvwxyz")
      var rounds = 0
      while cpu[].work.exchange(0) & CPUWork.transmit != 0 {
        Ref<Console>.watchQueue(cpu)
        #expect(cpu[].timerDeadline <= cpu[].consolePoll && cpu[].consolePoll != UInt64.max)
        _ = Simulation.uartSends()
        Ref<Console>.pollQueue(cpu, now: cpu[].consolePoll)
        rounds += 1
      }
      #expect(Self.text == "(XEN) 0123456789abcdefghijklmnopqrstuvwxyz\r\n" && rounds == 2)
      #expect(cpu[].consolePoll == UInt64.max)
    }
  }

  @Test func whatFindsNoRoomIsSaid() {
    Self.run { _, _ in
      let line = String(repeating: "x", count: 92)
      for _ in 0..<60 { Log.write(.error) { text in line.utf8.forEach { text.put(byte: $0) } } }
      Self.sendAll()
      Log.write(.error, "after")
      Self.sendAll()
      let shown = "(XEN) " + line + "\r\n"
      let kept = Self.capacity + 16
      #expect(Self.text.hasPrefix(String(repeating: shown, count: 41)))
      #expect(
        Self.text.hasSuffix("\r\n(XEN) [\(6000 - kept) bytes left out: the serial line is too slow]\r\n(XEN) after\r\n")
      )
    }
  }

  @Test func aPanicHasAllOfItOutFirstAndInOrder() {
    Self.run { machine, console in
      Log.write(.error, "a line that is longer than what a FIFO holds")
      #expect(Simulation.uartBytes.taken == 16)
      // From here on the line moves: nobody can tell it to within a panic.
      Simulation.startUART(base: 0x3f8, isInstant: true)
      _ = Simulation.uartSends()
      let frame = Ref<TrapFrame>.create(in: machine.world.ownFrames(1), TrapFrame.zero)
      #expect(PanicState.claim(frame) == .first)
      // Whoever was stopped may have had the lock.
      console[].lock.withLock { _ in
        console.beginPanic()
        Log.write(.error, "why")
      }
      #expect(Self.text == "(XEN) a line that is longer than what a FIFO holds\r\n(XEN) why\r\n")
    }
  }

  @Test func theMachinesEndHasAllOfItOut() {
    Self.run(isSlow: false) { _, console in
      for _ in 0..<30 { Log.write(.error, "0123456789abcdefghijklmnopqrstuvwxyz") }
      console.goSynchronous()
      #expect(Self.text == String(repeating: "(XEN) 0123456789abcdefghijklmnopqrstuvwxyz\r\n", count: 30))
      // A line that takes nothing does not hold the machine's end up for each byte.
      Simulation.startUART(base: 0x3f8, isInstant: false)
      for _ in 0..<30 { Log.write(.error, "0123456789abcdefghijklmnopqrstuvwxyz") }
      #expect(console[].lock.withLock { $0.queue.isStuck })
    }
  }

  @Test func domain0ComesBackAndLosesNothing() {
    Self.run { machine, console in
      let text = Array((0..<700).map { String(format: "%06d\n", $0) }.joined().utf8)
      #expect(GuestMemory.write(LinearAddress(SystemMachine.buffer), from: text.span, count: text.count) == text.count)
      var call = Hypercall(
        vcpu: machine.control[].vcpu(index: 0)!, domain: machine.control,
        arguments: [0, UInt64(text.count), SystemMachine.buffer, 0, 0, 0])
      var comings = 0
      while true {
        guard case .again = try! call.consoleIO() else { break }
        comings += 1
        // A message of the hypervisor's finds room all the same.
        if comings == 1 { Log.write(.error, "meanwhile") }
        if Simulation.uartSends() { ConsoleInput.run() }
      }
      Self.sendAll()
      #expect(comings > 10)
      let said = String(decoding: text, as: UTF8.self).replacing("\n", with: "\r\n")
      let all = Self.text
      #expect(all.contains("(XEN) meanwhile\r\n"))
      #expect(all.replacing("(XEN) meanwhile\r\n", with: "") == said)
    }
  }

  @Test func aStuckLineDoesNotHoldDomain0Up() {
    Self.run { machine, console in
      while console.hasRoom(for: 128) { Log.write(.error, "0123456789abcdefghijklmnopqrstuvwxyz") }
      console[].lock.withLock { $0.queue.progress = Hypervisor.now &- TransmitQueue.patience &- 1 }
      #expect(console.hasRoom(for: 128))
    }
  }

  @Test func manyDeathsAreToldInShort() {
    Self.run { _, _ in
      let told = (0..<15).filter { _ in GuestDeaths.mayTell() }
      #expect(told == Array(0..<10))
      Ref<Console>.shared[].deaths.withLock { $0.limit = RateLimit() }
      #expect(GuestDeaths.mayTell())
      Self.sendAll()
      #expect(Self.text == "(XEN) (registers of 5 guests that crashed before are left out)\r\n")
    }
  }
}
