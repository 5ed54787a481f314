// SPDX-License-Identifier: Apache-2.0
// A machine for tests of traps: one guest that runs on the simulated CPU, with the frame that an entry would have pushed. All that
// knows how machines and guests are made is here.
import Domains
import Hypercalls
import Machine
import SimulatedMachine
import XenABI

@testable import Frames
@testable import MartletFuzz

/// A machine whose CPU runs a guest.
final class TrapMachine {
  private let machine = FuzzMachine(time: 1_000_000)
  private let guest: Guest
  /// The vCPU that runs, and another one of its domain.
  let vcpu: Ref<VCPU>
  let other: Ref<VCPU>

  /// The registers of what was interrupted.
  var frame: Ref<TrapFrame> { machine.frame }
  var cpu: Ref<PhysicalCPU> { machine.cpu }
  var domain: Ref<Domain> { guest.domain }

  /// Addresses of the guest's: its code, the top of its stack, and pages that it may write.
  static let code = Guest.code
  static let stack = Guest.stack
  static func page(_ index: Int) -> UInt64 { Guest.dataPage(index) }
  /// Where handlers are said to be.
  static func handler(_ vector: UInt8) -> UInt64 { 0x7000_0000 + UInt64(vector) * 16 }

  /// Runs `body` with a fresh machine on which a guest's kernel runs, with a handler for each exception.
  static func run(isPrivileged: Bool = false, _ body: (TrapMachine) throws -> Void) rethrows {
    try MachineTurn.take { try body(TrapMachine(isPrivileged: isPrivileged)) }
  }

  private init(isPrivileged: Bool) {
    guest = Guest(1, isPrivileged: isPrivileged, machine: machine)
    vcpu = guest.vcpus[0]
    other = guest.vcpus[1]
    precondition(machine.run(vcpu), "the guest does not run")
    for vector in UInt8(0)..<32 { setHandler(vector, TrapMachine.handler(vector)) }
    setHandler(0x80, TrapMachine.handler(0x80), level: 3)
    reset()
  }

  /// Has another vCPU run.
  func run(_ vcpu: Ref<VCPU>) -> Bool { machine.run(vcpu) }

  /// The kernel in the middle of its code, every register with a value of its own, events let in.
  func reset() {
    if !vcpu[].isKernelMode {
      vcpu[].isKernelMode = true
      Registers.swapGS()
      if let table = vcpu[].kernelTable { Registers.setPageTable(table) }
    }
    vcpu[].info.isMasked = false
    var f = TrapFrame.zero
    f.rax = 0xa
    f.rcx = 0xc
    f.rdx = 0xd
    f.rbx = 0xb
    f.rsi = 0x51
    f.rdi = 0xd1
    f.r8 = 0x8
    f.r9 = 0x9
    f.r10 = 0x10
    f.r11 = 0x11
    f.rip = TrapMachine.code
    f.cs = UInt64(GuestSelectors.code64)
    f.ss = UInt64(GuestSelectors.data)
    f.rflags = 0x202
    f.rsp = TrapMachine.stack
    frame[] = f
  }

  /// The application in the middle of its code, by way of the iret hypercall.
  func resetToUser(flags: UInt64 = 0x202, cs: UInt64 = 0xe033, rip: UInt64 = code) {
    reset()
    interruptReturn([0xa, 0x11, 0xc, 0, rip, cs, flags, TrapMachine.stack, 0xe02b])
  }

  func setHandler(_ vector: UInt8, _ address: UInt64, level: UInt64 = 0, masks: Bool = false) {
    let flags = level | (masks ? 4 : 0)
    do { try vcpu.setTrap(vector: vector, word: UInt64(vector) | flags << 8, address: address) } catch {
      preconditionFailure("no room for a handler")
    }
  }

  /// Puts bytes where the guest's code is.
  func setCode(_ bytes: [UInt8]) {
    for (index, byte) in bytes.enumerated() {
      PhysicalWindow.store8(guest.data[Guest.codePage], byte: index, byte)
    }
  }

  /// Words in the guest's memory.
  func words(_ address: UInt64, _ count: Int) -> [UInt64] {
    (0..<count).map { (try? GuestMemory.read64(LinearAddress(address + UInt64($0) * 8))) ?? 0xdead }
  }

  func put(_ address: UInt64, _ words: [UInt64]) {
    for (index, word) in words.enumerated() {
      guard (try? GuestMemory.write(LinearAddress(address + UInt64(index) * 8), word)) != nil else {
        preconditionFailure("the test writes where nothing is")
      }
    }
  }

  /// The level-1 table entry of a page of the guest's, and its place.
  func entry(_ address: UInt64) -> UInt64 {
    PhysicalWindow.load(guest.low, word: LinearAddress(address).index(level: 1))
  }
  var level1: MachineFrame { guest.low }
  func entryAddress(_ address: UInt64) -> UInt64 {
    guest.low.physical + UInt64(LinearAddress(address).index(level: 1)) * 8
  }
  /// Changes the entry behind the hypervisor's back, as a CPU that remembers would not see it.
  func setEntry(_ address: UInt64, _ value: UInt64) {
    PhysicalWindow.store(guest.low, word: LinearAddress(address).index(level: 1), value)
  }
  /// The frame behind a data page.
  func frame(ofPage index: Int) -> MachineFrame { guest.data[Guest.argumentPages + 2 + index] }
  /// A frame of the guest's that nothing maps.
  var spare: MachineFrame { guest.data[Guest.argumentPages + 2 + Guest.dataPages] }
  /// A second one.
  var otherSpare: MachineFrame { guest.data[Guest.argumentPages + 3 + Guest.dataPages] }

  // ---- Entries ----

  /// A hypercall of the kernel's as the SYSCALL entry brings it. Gives what it finds in rax; the frame is as it was but for that.
  @discardableResult func call(_ number: UInt64, _ arguments: UInt64...) -> Int64 {
    enterBySyscall(number, arguments)
    return Int64(bitPattern: frame[].rax)
  }

  /// SYSCALL with RAX and arguments.
  func enterBySyscall(_ rax: UInt64, _ arguments: [UInt64] = []) {
    var words = arguments + Array(repeating: 0, count: 6)
    repeat {
      let start = frame[].rip
      frame[].rax = rax
      (frame[].rdi, frame[].rsi, frame[].rdx) = (words[0], words[1], words[2])
      (frame[].r10, frame[].r8, frame[].r9) = (words[3], words[4], words[5])
      // SYSCALL: RIP behind the instruction also in RCX, the flags in R11.
      frame[].rip = start &+ 2
      frame[].rcx = frame[].rip
      frame[].r11 = frame[].rflags
      frame[].leavesBySysret = true
      SystemCall.handle(frame)
      // Preempted: RIP is back on the instruction.
      if frame[].rip != start || rax == HypercallNumber.interruptReturn { break }
      words = [frame[].rdi, frame[].rsi, frame[].rdx, frame[].r10, frame[].r8, frame[].r9]
    } while true
  }

  /// The iret hypercall with a context (rax, r11, rcx, flags, rip, cs, rflags, rsp, ss).
  func interruptReturn(_ context: [UInt64]) {
    put(TrapMachine.page(0), context)
    frame[].rsp = TrapMachine.page(0)
    enterBySyscall(HypercallNumber.interruptReturn)
  }

  /// An exception of what the frame says.
  func trap(_ vector: UInt8, code: UInt32 = 0) {
    frame[].vector = UInt32(vector)
    frame[].error_code = code
    TrapDispatch.trap(frame)
  }

  /// A page fault.
  func pageFault(_ address: UInt64, code: UInt32) {
    Registers.cr2 = address
    frame[].vector = 14
    frame[].error_code = code
    TrapDispatch.pageFault(frame)
  }

  /// Whether the guest's end has come.
  var hasCrashed: Bool { domain[].life.withLock { $0.shutdownReason } == 3 }
}
