// SPDX-License-Identifier: Apache-2.0
//
// The console ring across a warm reboot: what a panic has sealed is found again, and nothing else ever is.

import Machine
import SimulatedMachine
import Testing

@testable import Domains

@Suite struct PreservedRingTests {
  static let header = MachineFrame(8)
  static let ring = MachineFrame(9)
  static let frames = 2

  /// A console with its ring in the simulated machine's memory.
  static func run(_ body: (Ref<Console>, PreservedRing) -> Void) {
    MachineTurn.take {
      #expect(Simulation.start(frames: 64))
      PanicState.forget()
      let console = Ref<Console>.create(
        in: MachineFrame(16), Console(port: nil, ring: ring, frames: frames, header: header))
      console.publish()
      body(console, PreservedRing(header: header, first: ring, bytes: frames * 4096))
      PanicState.forget()
    }
  }

  static func panic() {
    let frame = CPUs.guestFrameForTests
    #expect(PanicState.claim(frame) == .first)
    Ref<Console>.shared.beginPanic()
  }

  static func say(_ text: StaticString, times: Int = 1) { for _ in 0..<times { Log.write(.error, text) } }

  @Test func nothingIsFoundInFreshMemory() {
    Self.run { _, preserved in #expect(preserved.record() == nil) }
  }

  @Test func onlyAPanicSeals() {
    Self.run { _, preserved in
      Self.say("all is well")
      #expect(preserved.record() == nil)
      Self.panic()
      Self.say("it is not")
      let record = preserved.record()
      // "(XEN) " and the end of the line belong to each.
      #expect(record?.panic == 18)
      #expect(record?.produced == 34)
      preserved.forget()
      #expect(preserved.record() == nil)
    }
  }

  @Test func everyChangedByteIsSeen() {
    Self.run { _, preserved in
      Self.panic()
      Self.say("the last words", times: 3)
      #expect(preserved.record() != nil)
      for place in stride(from: 0, to: Self.frames * 4096, by: 61) {
        let frame = Self.ring + UInt64(place / 4096)
        let old = PhysicalWindow.load8(frame, byte: place % 4096)
        PhysicalWindow.store8(frame, byte: place % 4096, old ^ 1)
        #expect(preserved.record() == nil, "byte \(place) of the ring")
        PhysicalWindow.store8(frame, byte: place % 4096, old)
      }
      for byte in 0..<40 {
        let old = PhysicalWindow.load8(Self.header, byte: byte)
        PhysicalWindow.store8(Self.header, byte: byte, old ^ 0x80)
        #expect(preserved.record() == nil, "byte \(byte) of the header")
        PhysicalWindow.store8(Self.header, byte: byte, old)
      }
      #expect(preserved.record() != nil)
      #expect(PreservedRing(header: Self.header, first: Self.ring, bytes: 4096).record() == nil)
    }
  }

  @Test func showsFromSomeWayBeforeThePanic() {
    Self.run { console, preserved in
      Self.say("0123456789abcdef", times: 100)
      Self.panic()
      Self.say("why", times: 10)
      guard let record = preserved.record() else {
        Issue.record("nothing found")
        return
      }
      let start = console.start(record)
      #expect(start <= record.panic && record.panic - start <= Ref<Console>.shownBefore)
      // At the start of a line.
      #expect(console.byte(at: start) == UInt8(ascii: "("))
      #expect(console.byte(at: start - 1) == 10)
    }
  }

  @Test func aLongPanicIsShownAsFarAsTheRingGoes() {
    Self.run { console, preserved in
      Self.panic()
      Self.say("0123456789abcdef", times: 2000)
      guard let record = preserved.record() else {
        Issue.record("nothing found")
        return
      }
      let start = console.start(record)
      #expect(record.produced - start <= console.capacity)
      #expect(record.produced - start > console.capacity / 2)
    }
  }

  @Test func aPanicTakesNoLock() {
    Self.run { console, preserved in
      console[].lock.withLock { _ in
        Self.panic()
        Self.say("said while the lock was held")
      }
      #expect(preserved.record() != nil)
    }
  }

  @Test func theFirstToPanicTells() {
    Self.run { _, _ in
      let frame = CPUs.guestFrameForTests
      #expect(!PanicState.isUnderway)
      #expect(PanicState.claim(frame) == .first)
      #expect(PanicState.isOurs)
      #expect(PanicState.claim(frame) == .nested)
      Simulation.becomeCPU(1)
      #expect(PanicState.isUnderway && !PanicState.isOurs)
      #expect(PanicState.claim(frame) == .late)
      #expect(PanicState.frame(of: 1) != nil)
      Simulation.becomeCPU(0)
    }
  }

  @Test func reasonsOfNonMaskableInterrupts() {
    #expect(NMIReason.decode(controlPort: 0x00) == NMIReason.unknown)
    #expect(NMIReason.decode(controlPort: 0x3f) == NMIReason.unknown)
    #expect(NMIReason.decode(controlPort: 0x40) == NMIReason.ioError)
    #expect(NMIReason.decode(controlPort: 0x80) == NMIReason.pciSystemError)
    #expect(NMIReason.decode(controlPort: 0xc0) == NMIReason.ioError | NMIReason.pciSystemError)
  }
}

extension CPUs {
  /// A frame of registers somewhere in the simulated machine.
  static var guestFrameForTests: Ref<TrapFrame> { Ref<TrapFrame>.create(in: MachineFrame(40), TrapFrame.zero) }
}
