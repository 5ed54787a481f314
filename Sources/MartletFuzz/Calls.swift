// SPDX-License-Identifier: Apache-2.0
// Making a hypercall as the running vCPU, through the same entry as SYSCALL's.
import Domains
import Frames
import Hypercalls
import Machine
import XenABI

/// A hypercall in the making.
struct Call {
  var number: UInt64
  var arguments: [UInt64]
  /// Stands for `iret`, which takes its arguments from the stack.
  static let iret = UInt64.max

  init(_ number: UInt64, _ arguments: UInt64...) {
    self.number = number
    self.arguments = arguments
  }
}

extension Episode {
  /// Makes a call; goes on with it when it is preempted, or leaves it half-way at times.
  func make(_ call: Call) {
    let frame = machine.frame
    if call.number == Call.iret {
      // Its registers are loaded already.
      frame[].rax = 23
      SystemCall.handle(frame)
      if isTraced { doing += " iret" }
      return
    }
    var call = call
    for _ in 0..<(units == nil ? 64 : 100_000) {
      load(call)
      frame[].rax = call.number
      let start = frame[].rip
      if isTraced { Fuzzer.say("  makes call \(call.number) \(call.arguments.map { String($0, radix: 16) })") }
      SystemCall.handle(frame)
      guard frame[].rip == start &- 2, frame[].rax == call.number else { break }
      preemptions += 1
      noteDead()
      guard running != nil, units != nil || !random.chance(20) else { return }
      call.arguments = [frame[].rdi, frame[].rsi, frame[].rdx, frame[].r10, frame[].r8, frame[].r9]
    }
    noteDead()
    let result = Int64(bitPattern: frame[].rax)
    calls += 1
    if result >= 0 { succeeded += 1 }
    results = results &* 31 &+ UInt64(bitPattern: result)
    if isTraced { doing += " call \(call.number) \(call.arguments.map { String($0, radix: 16) }) = \(result)" }
  }

  private func noteDead() { for guest in guests where guest.domain[].isDying { guest.isDead = true } }

  /// The registers of a guest kernel that is about to make the call.
  func load(_ call: Call) {
    let frame = machine.frame
    frame[].cs = UInt64(GuestSelectors.code64)
    frame[].ss = UInt64(GuestSelectors.data)
    frame[].rip = Guest.code + 2
    frame[].rsp = Guest.stack - 64
    frame[].rflags = 0x202
    frame[].vector = 0
    frame[].error_code = 0
    let words = call.arguments + [0, 0, 0, 0, 0, 0]
    frame[].rdi = words[0]
    frame[].rsi = words[1]
    frame[].rdx = words[2]
    frame[].r10 = words[3]
    frame[].r8 = words[4]
    frame[].r9 = words[5]
  }

  /// One random step of the guest's.
  func act(_ guest: Guest, _ vcpu: Ref<VCPU>) {
    if !vcpu[].isKernelMode {
      // An application makes a system call.
      load(Call(0))
      SystemCall.handle(machine.frame)
      if isTraced { doing = "system call" }
      return
    }
    beginArguments()
    switch random.below(isWide ? 150 : 112) {
    case 0..<28: make(pageTableUpdates(guest))
    case 28..<44: make(extendedOperations(guest))
    case 44..<58: make(mappingUpdate(guest))
    case 58..<66: touch(guest, vcpu)
    case 66..<70: write(guest, vcpu)
    case 70: fill(guest)
    case 71..<76: make(list(guest))
    case 76..<80: pageFault(guest, vcpu)
    case 80..<84: make(descriptorCall(guest))
    case 84..<90: makeMemoryCall(guest)
    case 90..<94: make(vcpuCall(guest))
    case 94..<99: make(stateCall(guest))
    case 99: foreignLife(guest, vcpu)
    // For those who may; the others only try it at times.
    case 100..<112 where guest !== guests[0] && random.chance(85): make(pageTableUpdates(guest))
    case 100..<108: make(domainControl(guest))
    case 108..<112: build(guest)
    case 112..<120: make(grantCall(guest))
    case 120..<128: make(eventCall(guest))
    case 128..<132: instruction(guest, vcpu)
    case 132..<138 where guest === guests[0] || random.chance(15): make(systemControl(guest))
    default: make(otherCall(guest))
    }
  }
}
