// SPDX-License-Identifier: Apache-2.0
// A debugger in Domain 0: memory by the guest's addresses, vCPUs stopped one by one, breakpoints heard of.
import CXenABI
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct DebuggerTests {
  static let address: UInt64 = 0x40_0000

  /// Domain 1 with page tables of its own that show `frames` frames of its from `address` on.
  static func run(frames: Int, _ body: (SystemMachine, Ref<VCPU>, [MachineFrame]) -> Void) {
    SystemMachine.run { machine in
      let vcpu = machine.other[].vcpu(index: 0)!
      let tables = (0..<4).map { _ in machine.world.guestFrame(machine.other) }
      let data = (0..<frames).map { _ in machine.world.guestFrame(machine.other) }
      let linear = LinearAddress(address)
      for level in [4, 3, 2] {
        PhysicalWindow.store(
          tables[4 - level], word: linear.index(level: level),
          tables[5 - level].physical | PTE.present | PTE.writable | PTE.user)
      }
      for (index, frame) in data.enumerated() {
        PhysicalWindow.store(
          tables[3], word: linear.index(level: 1) + index, frame.physical | PTE.present | PTE.user)
      }
      vcpu[].kernelTable = tables[0]
      body(machine, vcpu, data)
    }
  }

  static func memory(
    _ machine: SystemMachine, gva: UInt64 = address, count: UInt32, write: Bool = false,
    uva: UInt64 = SystemMachine.buffer
  ) -> (result: Int64, remain: UInt32) {
    let answer = machine.domctl(
      XEN_DOMCTL_gdbsx_guestmemio, 1,
      martlet_gdbsx_memio(
        pgd3val: 0, gva: gva, uva: uva, len: count, gwr: write ? 1 : 0, padding: (0, 0, 0), remain: 77, padding1: 0))
    return (answer, machine.get(machine.domainBody, martlet_gdbsx_memio()).remain)
  }

  @Test func memoryIsReadAcrossPages() {
    Self.run(frames: 2) { machine, _, frames in
      PhysicalWindow.store(frames[0], word: 511, 0x1122_3344_5566_7788)
      PhysicalWindow.store(frames[1], word: 0, 0x99)
      #expect(Self.memory(machine, gva: Self.address + 4088, count: 16) == (0, 0))
      #expect(machine.get(SystemMachine.buffer, UInt64(0)) == 0x1122_3344_5566_7788)
      #expect(machine.get(SystemMachine.buffer + 8, UInt64(0)) == 0x99)
    }
  }

  @Test func memoryIsWrittenEvenIfTheGuestHasItReadOnly() {
    Self.run(frames: 1) { machine, _, frames in
      machine.put(SystemMachine.buffer, UInt8(0xcc))
      #expect(Self.memory(machine, gva: Self.address + 5, count: 1, write: true) == (0, 0))
      #expect(PhysicalWindow.load8(frames[0], byte: 5) == 0xcc && PhysicalWindow.load8(frames[0], byte: 6) == 0)
      let type = ledger[].type(frames[0])
      #expect(type.count == 0)
    }
  }

  @Test func whatCannotBeReachedIsSaid() {
    Self.run(frames: 2) { machine, vcpu, frames in
      #expect(Self.memory(machine, gva: Self.address + 4096, count: 4100) == (XenError.fault.code, 4))
      #expect(Self.memory(machine, gva: 0x5000_0000, count: 8) == (XenError.fault.code, 8))
      #expect(Self.memory(machine, gva: 0xffff_8300_0000_0000, count: 8) == (XenError.fault.code, 8))
      #expect(Self.memory(machine, gva: 0x8000_0000_0000_0000, count: 8) == (XenError.fault.code, 8))
      #expect(Self.memory(machine, gva: UInt64.max - 3, count: 8).result == XenError.fault.code)
      #expect(Self.memory(machine, count: 8, uva: SystemMachine.end) == (XenError.fault.code, 8))
      // Another domain's frame, and one that is used as a table.
      let level1 =
        PhysicalWindow.load(
          MachineFrame(
            physical: PhysicalWindow.load(
              MachineFrame(physical: PhysicalWindow.load(vcpu[].kernelTable!, word: 0) & PTE.frameMask), word: 0)
              & PTE.frameMask),
          word: 2) & PTE.frameMask
      let foreign = machine.world.guestFrame(machine.control)
      PhysicalWindow.store(MachineFrame(physical: level1), word: 0, foreign.physical | PTE.present | PTE.user)
      #expect(Self.memory(machine, count: 8) == (XenError.fault.code, 8))
      #expect(Self.memory(machine, count: 0) == (0, 0))
    }
  }

  @Test func aLongCopyIsPreempted() {
    Self.run(frames: 1) { machine, vcpu, frames in
      // One frame in every place: as much as is wanted.
      let level1 =
        PhysicalWindow.load(
          MachineFrame(
            physical: PhysicalWindow.load(
              MachineFrame(physical: PhysicalWindow.load(vcpu[].kernelTable!, word: 0) & PTE.frameMask), word: 0)
              & PTE.frameMask),
          word: 2) & PTE.frameMask
      for index in 0..<512 {
        PhysicalWindow.store(MachineFrame(physical: level1), word: index, frames[0].physical | PTE.present | PTE.user)
      }
      // To one page of the caller's over and over would need as many; each piece faults beyond it, and says how far it came.
      let (answer, remain) = Self.memory(machine, count: 400 * 4096)
      #expect(answer == XenError.fault.code && remain == UInt32(400 * 4096 - 7 * 4096))
    }
  }

  /// What could not be stopped in time is not said to be stopped, nor left half-way.
  @Test func whatStillRunsIsNotStopped() {
    SystemMachine.run { machine in
      let vcpu = machine.other[].vcpu(index: 1)!
      // Its state is in the hardware of the CPU that asks, which cannot put it away meanwhile.
      vcpu[].cpu.store(0)
      vcpu[].isLoaded.store(1)
      #expect(machine.domctl(XEN_DOMCTL_gdbsx_pausevcpu, 1, UInt32(1)) == XenError.restart.code)
      #expect(vcpu[].holds.load() & VCPUHold.debugger == 0)
      vcpu[].isLoaded.store(0)
      #expect(machine.domctl(XEN_DOMCTL_gdbsx_pausevcpu, 1, UInt32(1)) == 0)
    }
  }

  @Test func singleVCPUsAreStopped() {
    SystemMachine.run { machine in
      func ask(_ command: Int32, _ vcpu: UInt32) -> Int64 { machine.domctl(command, 1, vcpu) }
      let vcpu = machine.other[].vcpu(index: 1)!
      #expect(ask(XEN_DOMCTL_gdbsx_unpausevcpu, 1) == XenError.invalid.code)
      #expect(ask(XEN_DOMCTL_gdbsx_pausevcpu, 1) == 0)
      #expect(vcpu[].holds.load() & VCPUHold.debugger != 0)
      #expect(machine.other[].vcpu(index: 0)![].holds.load() & VCPUHold.debugger == 0)
      #expect(ask(XEN_DOMCTL_gdbsx_pausevcpu, 1) == XenError.invalid.code)
      #expect(ask(XEN_DOMCTL_gdbsx_unpausevcpu, 1) == 0)
      #expect(vcpu[].holds.load() & VCPUHold.debugger == 0)
      #expect(ask(XEN_DOMCTL_gdbsx_pausevcpu, 2) == XenError.invalid.code)
    }
  }

  @Test func breakpointsAreTheDebuggers() {
    SystemMachine.run { machine in
      func status() -> martlet_gdbsx_domstatus {
        #expect(machine.domctl(XEN_DOMCTL_gdbsx_domstatus, 1, martlet_gdbsx_domstatus()) == 0)
        return machine.get(machine.domainBody, martlet_gdbsx_domstatus())
      }
      let vcpu = machine.other[].vcpu(index: 1)!
      vcpu[].isKernelMode = true
      #expect(!vcpu.debuggerTakes(3))
      #expect(status().paused == 0 && status().vcpu_id == UInt32.max)
      #expect(machine.domctl(XEN_DOMCTL_setdebugging, 1, UInt8(1)) == 0)
      vcpu[].isKernelMode = false
      #expect(!vcpu.debuggerTakes(3))
      vcpu[].isKernelMode = true
      #expect(vcpu.debuggerTakes(3))
      #expect(machine.other[].vcpu(index: 0)!.debuggerTakes(1) == machine.other[].vcpu(index: 0)![].isKernelMode)
      #expect(machine.other[].pauseCount.load() >= 1)
      var seen: [UInt32: UInt32] = [:]
      for _ in 0..<3 {
        let told = status()
        #expect(told.paused == 1)
        if told.vcpu_id != UInt32.max { seen[told.vcpu_id] = told.vcpu_ev }
      }
      #expect(seen[1] == 3)
      #expect(status().vcpu_id == UInt32.max)
      #expect(machine.domctl(XEN_DOMCTL_setdebugging, 1, UInt8(0)) == 0)
      #expect(!vcpu.debuggerTakes(3))
    }
  }
}
