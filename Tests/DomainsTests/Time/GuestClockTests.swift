// SPDX-License-Identifier: Apache-2.0
// The line of time that a guest finds in `vcpu_time_info`: when it is written again, and that no vCPU ever sees time go back.
import Foundation
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Machine

@Suite struct GuestClockTests {
  /// What a guest reads in its `vcpu_time_info`.
  struct Record {
    let version: UInt32
    let counter: UInt64
    let time: UInt64
    let scale: TickScale
    let isStable: Bool

    init(_ vcpu: Ref<VCPU>) {
      let place = vcpu[].info
      let at = place.offset + VCPUInfoLayout.time
      version = PhysicalWindow.load32(place.frame, word: at >> 2)
      counter = PhysicalWindow.load(place.frame, word: (at >> 3) + 1)
      time = PhysicalWindow.load(place.frame, word: (at >> 3) + 2)
      let rates = PhysicalWindow.load(place.frame, word: (at >> 3) + 3)
      scale = TickScale(
        multiplier: UInt32(truncatingIfNeeded: rates), shift: Int8(truncatingIfNeeded: Int64(rates >> 32)))
      isStable = rates >> 40 & 1 != 0
    }

    /// The time that the guest computes at a value of its counter.
    func time(at counter: UInt64) -> UInt64 { time &+ scale.nanoseconds(counter &- self.counter) }
  }

  /// K1: a line through a point that this CPU's counter has not reached would be read as the end of time.
  @Test func aLineAheadOfTheCounterIsNotTaken() {
    SimulatedMachine.run { machine in
      let cpu = machine.cpu
      let before = cpu[].clock.now
      Timekeeping.set(cpu[].clock.shifted(by: 1 << 40), of: cpu)
      let now = cpu[].clock.now
      #expect(now >= before && now - before < 60_000_000_000)
    }
  }

  private func steer(_ clock: SystemClock, byBillionths change: Int64) -> SystemClock {
    let steered = UInt64(Int64(clock.hertz) + Int64(clock.hertz) / 1_000_000_000 * change)
    return clock.continued(at: SystemClock.counter, hertz: clock.hertz, steered: steered)
  }

  @Test func `a guest computes the time of its CPU`() {
    SimulatedMachine.run { world in
      let vcpu = world.makeDomain(1)[].vcpu(index: 0)!
      vcpu.publishTime()
      let record = Record(vcpu)
      #expect(record.version & 1 == 0 && record.isStable)
      let counter = SystemClock.counter
      #expect(record.time(at: counter) == Ref<PhysicalCPU>.current[].clock.time(at: counter))
    }
  }

  @Test func `a new line reaches the vCPU in the hardware, without a step`() {
    SimulatedMachine.run { world in
      let vcpu = world.makeDomain(1)[].vcpu(index: 0)!
      let cpu = Ref<PhysicalCPU>.current
      vcpu.publishTime()
      cpu[].vcpu = vcpu
      for change in [-10_000, 10_000, -300, 7] as [Int64] {
        let old = Record(vcpu)
        let reached = cpu[].clock.now
        Ref<Hypervisor>.shared[].clock = steer(Ref<Hypervisor>.shared[].clock, byBillionths: change)
        // Late, as on a CPU that was long in coming.
        Thread.sleep(forTimeInterval: 0.02)
        let before = old.time(at: SystemClock.counter)
        Timekeeping.takeOver(cpu)
        let new = Record(vcpu)
        let counter = SystemClock.counter
        #expect(new.version > old.version && new.version & 1 == 0)
        #expect(new.time(at: counter) >= before && cpu[].clock.time(at: counter) >= reached)
        #expect(new.time(at: counter) == Ref<Hypervisor>.shared[].clock.time(at: counter))
      }
      cpu[].vcpu = nil
    }
  }

  @Test func `a vCPU that did not run gets the new line before it does`() {
    SimulatedMachine.run { world in
      let vcpu = world.makeDomain(1)[].vcpu(index: 0)!
      let cpu = Ref<PhysicalCPU>.current
      vcpu.publishTime()
      let old = Record(vcpu)
      vcpu.publishTimeIfNeeded(cpu)
      #expect(Record(vcpu).version == old.version)
      cpu[].clock = steer(cpu[].clock, byBillionths: 5000)
      vcpu.publishTimeIfNeeded(cpu)
      #expect(Record(vcpu).version == old.version + 2 && Record(vcpu).counter == cpu[].clock.stamp)
    }
  }

  @Test func `a sleeper's area is brought up to date too`() {
    SimulatedMachine.run { world in
      let domain = world.makeDomain(1, vcpus: 2)
      let cpu = Ref<PhysicalCPU>.current
      let (sleeper, other) = (domain[].vcpu(index: 0)!, domain[].vcpu(index: 1)!)
      for vcpu in [sleeper, other] { vcpu.publishTime() }
      sleeper[].timeArea = LinearAddress(0x5000_0000)
      sleeper[].holds.store(VCPUHold.blocked)
      cpu[].clock = steer(cpu[].clock, byBillionths: 5000)
      other.publishTimeIfNeeded(cpu)
      #expect(sleeper[].holds.load() & VCPUHold.blocked == 0)
      // Once for each line.
      sleeper[].holds.store(VCPUHold.blocked)
      other.askForTime()
      other.publishTimeIfNeeded(cpu)
      #expect(sleeper[].holds.load() & VCPUHold.blocked != 0)
    }
  }

  @Test func `an area that could not be written is written the next time`() {
    SimulatedMachine.run { world in
      let domain = world.makeDomain(1)
      let (vcpu, cpu) = (domain[].vcpu(index: 0)!, Ref<PhysicalCPU>.current)
      let (address, frame) = (UInt64(0x5000_0000), world.guestFrame(domain))
      world.map(0x6000_0000, world.guestFrame(domain))
      vcpu[].timeArea = LinearAddress(address)
      vcpu.askForTime()
      vcpu.publishTimeIfNeeded(cpu)
      #expect(PhysicalWindow.load(frame, word: 1) == 0)
      world.map(address, frame)
      vcpu.publishTimeIfNeeded(cpu)
      #expect(PhysicalWindow.load(frame, word: 1) == cpu[].clock.stamp)
      let version = PhysicalWindow.load(frame, word: 0)
      #expect(version & 1 == 0 && version != 0 && version >> 32 == 0)
      cpu[].clock = steer(cpu[].clock, byBillionths: 5000)
      vcpu.publishTimeIfNeeded(cpu)
      #expect(PhysicalWindow.load(frame, word: 0) == version + 2)
      #expect(PhysicalWindow.load(frame, word: 1) == cpu[].clock.stamp)
    }
  }

  @Test func `a vCPU that is ahead of its CPU stays so when the clock is steered`() {
    SimulatedMachine.run { world in
      let domain = world.makeDomain(1)
      let (vcpu, cpu) = (domain[].vcpu(index: 0)!, Ref<PhysicalCPU>.current)
      let (address, frame) = (UInt64(0x5000_0000), world.guestFrame(domain))
      world.map(address, frame)
      vcpu[].timeArea = LinearAddress(address)
      Ref<Hypervisor>.shared[].isCounterStable.store(0)
      cpu[].vcpu = vcpu
      vcpu[].timeReached = cpu[].clock.now + 50_000_000
      vcpu.askForTime()
      vcpu.publishTimeIfNeeded(cpu)
      for change in [-300_000, 300_000, 7] as [Int64] {
        let before = Record(vcpu).time(at: SystemClock.counter)
        cpu[].clock = steer(cpu[].clock, byBillionths: change)
        vcpu.republishTime(cpu)
        let record = Record(vcpu)
        #expect(record.time(at: SystemClock.counter) >= before)
        // What it has in its area is the same.
        let counter = SystemClock.counter
        let area =
          PhysicalWindow.load(frame, word: 2)
          &+ record.scale.nanoseconds(
            counter &- PhysicalWindow.load(frame, word: 1))
        #expect(area + 2 >= record.time(at: counter) && area <= record.time(at: counter) + 2)
        // And leaving, it has come as far as it has seen.
        let seen = record.time(at: SystemClock.counter)
        vcpu.noteTimeReached(cpu)
        #expect(vcpu[].timeReached + 2 >= seen)
      }
      cpu[].vcpu = nil
    }
  }

  @Test(arguments: [-5_000_000, -100, 0, 100, 5_000_000] as [Int64])
  func `time does not go back for a vCPU that moves, where counters differ`(skew: Int64) {
    SimulatedMachine.run { world in
      let vcpu = world.makeDomain(1)[].vcpu(index: 0)!
      let cpu = Ref<PhysicalCPU>.current
      Ref<Hypervisor>.shared[].isCounterStable.store(0)
      let clock = cpu[].clock
      vcpu.publishTime()
      #expect(!Record(vcpu).isStable)
      var last: UInt64 = 0
      // The same CPU plays two, whose clocks differ.
      for turn in 1...200 {
        cpu[].clock =
          turn % 2 == 0
          ? clock
          : SystemClock(
            stamp: clock.stamp &+ 1, base: UInt64(bitPattern: Int64(clock.base) + 10_000_000 + skew),
            hertz: clock.hertz,
            steered: clock.steered, timerTicksPerTera: clock.timerTicksPerTera)
        if turn % 2 == 0 {
          cpu[].clock = SystemClock(
            stamp: clock.stamp, base: clock.base + 10_000_000, hertz: clock.hertz, steered: clock.steered,
            timerTicksPerTera: clock.timerTicksPerTera)
        }
        vcpu.publishTimeIfNeeded(cpu)
        let record = Record(vcpu)
        for _ in 0..<3 {
          let time = record.time(at: SystemClock.counter)
          #expect(time >= last)
          last = max(last, time)
        }
        vcpu.noteTimeReached(cpu)
      }
      // And it is ahead of the clocks by no more than they are apart.
      #expect(last <= max(cpu[].clock.now, cpu[].clock.now &+ skew.magnitude) + 1_000_000)
    }
  }
}
