// SPDX-License-Identifier: Apache-2.0
// Hard, soft and node affinity by domctl: what is given back, where vCPUs go, and what is refused.
import CXenABI
import Machine
import Scheduling
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

private let hardFlag: UInt32 = 1
private let softFlag: UInt32 = 2
private let forceFlag: UInt32 = 4

private func affinity(
  _ vcpu: UInt32, _ flags: UInt32, hard: martlet_bitmap = bitmap(Toolstack.buffer),
  soft: martlet_bitmap = bitmap(Toolstack.second)
) -> martlet_vcpuaffinity {
  martlet_vcpuaffinity(vcpu: vcpu, flags: flags, cpumap_hard: hard, cpumap_soft: soft)
}

@Suite struct AffinityTests {
  @Test func hardAffinityMovesTheVCPUAndIsGivenBack() {
    Toolstack.run { tools in
      for target in [3, 1, 0, 2] as [UInt64] {
        // CPU 9 is not there: it is kept, and has no effect.
        tools.set(Toolstack.buffer, 1 << target | 1 << 9)
        var body = affinity(1, hardFlag)
        #expect(tools.domctl(XEN_DOMCTL_setvcpuaffinity, &body) == 0)
        #expect(tools.word(Toolstack.buffer) == 1 << target)
        #expect(tools.vcpu(1)[].entity.cpu == UInt16(target))
        #expect(tools.vcpu(1)[].entity.hardAffinity.contains(Int(target)))
        #expect(tools.domctl(XEN_DOMCTL_getvcpuaffinity, &body) == 0)
        #expect(tools.word(Toolstack.buffer) == 1 << target | 1 << 9)
      }
      // The other one is where it was.
      var other = affinity(0, hardFlag | softFlag)
      #expect(tools.domctl(XEN_DOMCTL_getvcpuaffinity, &other) == 0)
      #expect(tools.word(Toolstack.buffer) == .max && tools.word(Toolstack.second) == .max)
    }
  }

  @Test func aWaitingVCPUGoesAtOnce() {
    Toolstack.run { tools in
      let vcpu = tools.vcpu(0)
      Scheduler.settle(vcpu)
      #expect(vcpu[].entity.isRunnable)
      let target = vcpu[].entity.cpu == 2 ? 3 : 2
      tools.set(Toolstack.buffer, 1 << UInt64(target))
      tools.cpu(target)[].work.store(0)
      var body = affinity(0, hardFlag)
      #expect(tools.domctl(XEN_DOMCTL_setvcpuaffinity, &body) == 0)
      #expect(Int(vcpu[].entity.cpu) == target && vcpu[].entity.isRunnable)
      #expect(tools.cpu(target)[].work.load() & CPUWork.schedule != 0)
    }
  }

  @Test func theRunningVCPUIsSentOnByItsCPU() {
    Toolstack.run { tools in
      let vcpu = tools.vcpu(0)
      tools.set(Toolstack.buffer, 2)
      var body = affinity(0, hardFlag)
      #expect(tools.domctl(XEN_DOMCTL_setvcpuaffinity, &body) == 0)
      Scheduler.settle(vcpu)
      let store = VCPUStore()
      var mutable = store
      let first = tools.cpu(1)[].queue.withLock { $0.decide(in: &mutable, now: Hypervisor.now).next }
      #expect(first == vcpu[].index)
      tools.cpu(1)[].work.store(0)
      tools.set(Toolstack.buffer, 4)
      #expect(tools.domctl(XEN_DOMCTL_setvcpuaffinity, &body) == 0)
      #expect(vcpu[].entity.cpu == 1 && tools.cpu(1)[].work.load() & CPUWork.schedule != 0)
      let displaced = tools.cpu(1)[].queue.withLock { $0.decide(in: &mutable, now: Hypervisor.now).displaced }
      #expect(displaced == vcpu[].index)
    }
  }

  @Test func softAffinityIsWithinHard() {
    Toolstack.run { tools in
      tools.set(Toolstack.buffer, 0b0111)
      tools.set(Toolstack.second, 0b1110)
      var body = affinity(0, hardFlag | softFlag)
      #expect(tools.domctl(XEN_DOMCTL_setvcpuaffinity, &body) == 0)
      #expect(tools.word(Toolstack.buffer) == 0b0111 && tools.word(Toolstack.second) == 0b0110)
      #expect(tools.domctl(XEN_DOMCTL_getvcpuaffinity, &body) == 0)
      #expect(tools.word(Toolstack.second) == 0b1110)
      // Soft alone, and empty: allowed, and without effect. The hard mask is not touched, in memory either.
      tools.set(Toolstack.buffer, 77)
      tools.set(Toolstack.second, 0b1000)
      body = affinity(0, softFlag)
      #expect(tools.domctl(XEN_DOMCTL_setvcpuaffinity, &body) == 0)
      #expect(tools.word(Toolstack.buffer) == 77 && tools.word(Toolstack.second) == 0)
      #expect(tools.vcpu(0)[].affinity.hard.words[0] == 0b0111)
    }
  }

  @Test func refusals() {
    Toolstack.run { tools in
      func set(_ body: martlet_vcpuaffinity) -> Int64 {
        var body = body
        return tools.domctl(XEN_DOMCTL_setvcpuaffinity, &body)
      }
      func get(_ body: martlet_vcpuaffinity) -> Int64 {
        var body = body
        return tools.domctl(XEN_DOMCTL_getvcpuaffinity, &body)
      }
      tools.set(Toolstack.buffer, 1)
      for flags in [0, 8, 9, .max] as [UInt32] {
        #expect(set(affinity(0, flags)) == XenError.invalid.code)
        #expect(get(affinity(0, flags)) == XenError.invalid.code)
      }
      for vcpu in [2, 128, .max] as [UInt32] {
        #expect(set(affinity(vcpu, hardFlag)) == XenError.invalid.code)
        #expect(get(affinity(vcpu, hardFlag)) == XenError.invalid.code)
      }
      // No CPU that is there; no bits at all; one bit that is none.
      tools.set(Toolstack.buffer, 0xfff0)
      #expect(set(affinity(0, hardFlag)) == XenError.invalid.code)
      tools.set(Toolstack.buffer, 1)
      #expect(set(affinity(0, hardFlag, hard: bitmap(Toolstack.buffer, bits: 0))) == XenError.invalid.code)
      tools.set(Toolstack.buffer, 0b10)
      #expect(set(affinity(0, hardFlag, hard: bitmap(Toolstack.buffer, bits: 1))) == XenError.invalid.code)
      for bits in [(1 << 20) + 1, .max] as [UInt32] {
        #expect(set(affinity(0, hardFlag, hard: bitmap(Toolstack.buffer, bits: bits))) == XenError.invalid.code)
        #expect(get(affinity(0, softFlag, soft: bitmap(Toolstack.buffer, bits: bits))) == XenError.invalid.code)
      }
      let bad = [Toolstack.hole, 0xffff_8300_0000_0000, UInt64.max - 3, 1 << 63]
      for address in bad {
        #expect(set(affinity(0, hardFlag, hard: bitmap(address))) == XenError.fault.code)
        #expect(get(affinity(0, hardFlag, hard: bitmap(address))) == XenError.fault.code)
        #expect(get(affinity(0, hardFlag, hard: bitmap(address, bits: 1))) == XenError.fault.code)
      }
      #expect(tools.vcpu(0)[].affinity.hard == .all)
      // What is not asked for may be anything.
      tools.set(Toolstack.second, 1)
      #expect(set(affinity(0, softFlag, hard: bitmap(Toolstack.hole, bits: .max))) == 0)
    }
  }

  @Test func bitmapsOfAnyLength() {
    Toolstack.run { tools in
      let page = Toolstack.buffer
      for bits in [1, 3, 7, 8, 9, 63, 64, 65, 255, 256, 257, 2_000] as [UInt32] {
        for offset in stride(from: 0, to: 512, by: 8) as StrideTo<UInt64> { tools.set(page + offset, .max) }
        tools.vcpu(0)[].affinity.hard = .all
        var body = affinity(0, hardFlag, hard: bitmap(page, bits: bits))
        #expect(tools.domctl(XEN_DOMCTL_getvcpuaffinity, &body) == 0)
        let bytes = (UInt64(bits) + 7) / 8
        for offset in 0..<(bytes + 8) {
          let byte = tools.word(page + offset) & 0xff
          let known = min(bits, 256)
          let expected: UInt64 =
            offset >= bytes ? 0xff : (0..<8).reduce(0) { $0 | (offset * 8 + $1 < known ? 1 << $1 : 0) }
          #expect(byte == expected, "\(bits) bits, byte \(offset)")
        }
        // The same as an argument: all the CPUs there are of those bits.
        #expect(tools.domctl(XEN_DOMCTL_setvcpuaffinity, &body) == 0)
        #expect(tools.word(page) & 0xff == UInt64(min(0xf, (1 << min(bits, 8)) - 1)))
      }
    }
  }

  @Test func theVCPUsOwnWordGoesFirstUnlessForced() throws {
    try Toolstack.run { tools in
      let vcpu = tools.caller
      try Scheduler.override(vcpu, with: 2)
      #expect(vcpu[].entity.cpu == 2)
      tools.set(Toolstack.buffer, 0b0010)
      var body = affinity(0, hardFlag)
      #expect(tools.domctl(XEN_DOMCTL_setvcpuaffinity, domain: 0, &body) == XenError.busy.code)
      #expect(vcpu[].entity.cpu == 2 && vcpu[].affinity.hard == .all)
      body = affinity(0, hardFlag | forceFlag)
      #expect(tools.domctl(XEN_DOMCTL_setvcpuaffinity, domain: 0, &body) == 0)
      #expect(vcpu[].entity.cpu == 1 && vcpu[].affinity.override == nil)
      // It ends the override by itself as well; what was set meanwhile holds then.
      try Scheduler.override(vcpu, with: 3)
      #expect(vcpu[].entity.cpu == 3)
      try Scheduler.override(vcpu, with: nil)
      #expect(vcpu[].entity.cpu == 1)
      #expect(throws: XenError.invalid) { try Scheduler.override(vcpu, with: 4) }
      // FORCE alone only ends it.
      try Scheduler.override(vcpu, with: 0)
      body = affinity(0, forceFlag)
      #expect(tools.domctl(XEN_DOMCTL_setvcpuaffinity, domain: 0, &body) == 0)
      #expect(vcpu[].entity.cpu == 1)
    }
  }

  @Test func nodes() {
    Toolstack.run { tools in
      tools.set(Toolstack.buffer, 0b11)
      var body = bitmap(Toolstack.buffer, bits: 8)
      #expect(tools.domctl(XEN_DOMCTL_setnodeaffinity, &body) == 0)
      tools.set(Toolstack.buffer, 0b10)
      #expect(tools.domctl(XEN_DOMCTL_setnodeaffinity, &body) == XenError.invalid.code)
      #expect(tools.domctl(XEN_DOMCTL_getnodeaffinity, &body) == 0)
      #expect(tools.word(Toolstack.buffer) == 1)
      body = bitmap(Toolstack.buffer, bits: .max)
      #expect(tools.domctl(XEN_DOMCTL_getnodeaffinity, &body) == XenError.invalid.code)
      body = bitmap(Toolstack.hole)
      #expect(tools.domctl(XEN_DOMCTL_getnodeaffinity, &body) == XenError.fault.code)
      #expect(tools.domctl(XEN_DOMCTL_setnodeaffinity, &body) == XenError.fault.code)
    }
  }
}
