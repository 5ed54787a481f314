// SPDX-License-Identifier: Apache-2.0
// Bringing vCPUs up and down, their timers, and where they want to read of themselves.
import Domains
import Frames
import Machine
import XenABI

extension Hypercall {
  /// `vcpu_op`: command, vCPU, address of the argument (xen/vcpu.h).
  ///
  /// - Throws: `noEntry` for a vCPU that the domain does not have; see each command; `notImplemented` for an unknown one.
  mutating func vcpuOp() throws(XenError) -> HypercallOutcome {
    guard arguments[1] < UInt64(domain[].maximumVCPUs), let other = domain[].vcpu(index: Int(arguments[1])) else {
      throw .noEntry
    }
    switch UInt32(truncatingIfNeeded: arguments[0]) {
    case VCPUOperation.initialise: return try initialise(other)
    case VCPUOperation.up:
      guard other[].isInitialised else { throw .invalid }
      if other[].holds.fetchAnd(~VCPUHold.down) & VCPUHold.down != 0 { Scheduler.settle(other) }
    case VCPUOperation.down:
      // The last one may go too: a domain without a running vCPU simply waits for its end.
      if other[].holds.fetchOr(VCPUHold.down) & VCPUHold.down == 0 { Scheduler.settle(other) }
    case VCPUOperation.isUp: return .done(other[].holds.load() & VCPUHold.down == 0 ? 1 : 0)
    case VCPUOperation.getRunstateInfo: try GuestMemory.put(address(2), other.runstateRecord(now: Hypervisor.now))
    case VCPUOperation.registerRunstateMemoryArea:
      let area = LinearAddress(try GuestMemory.fetch(address(2), initial: UInt64(0)))
      guard GuestMemory.allows(area, bytes: 48) else { throw .fault }
      other[].runstateArea = area.raw == 0 ? nil : area
      // One that is not mapped now may be later.
      if area.raw != 0 { _ = try? GuestMemory.put(area, other.runstateRecord(now: Hypervisor.now)) }
    case VCPUOperation.setPeriodicTimer: try setPeriodic(other)
    case VCPUOperation.stopPeriodicTimer:
      other.changeTimers { $0.tick(every: 0, from: 0) }
    case VCPUOperation.setSingleshotTimer: try setSingleShot(other)
    case VCPUOperation.stopSingleshotTimer:
      guard other == vcpu else { throw .invalid }
      other.changeTimers { $0.oneShot = nil }
    case VCPUOperation.registerVCPUInfo: try registerInfo(other)
    case VCPUOperation.sendNMI:
      other[].pending.fetchOr(VCPUPending.nmi)
      other.kick()
    case VCPUOperation.getPhysicalID:
      // Which CPU it is on, for those who drive the hardware (struct vcpu_get_physid).
      guard domain[].mayUseHardware else { throw .notPermitted }
      let cpu = Int(other[].cpu.load())
      try GuestMemory.put(address(2), UInt64(CPUs.apicID(cpu)) | UInt64(cpu) &<< 32)
    case VCPUOperation.registerTimeMemoryArea:
      let area = LinearAddress(try GuestMemory.fetch(address(2), initial: UInt64(0)))
      guard GuestMemory.allows(area, bytes: 32) else { throw .fault }
      // Linux ends it by a null address, before it is saved.
      other[].timeArea = area.raw == 0 ? nil : area
      // One that is not mapped now may be later.
      if !other.publishTimeArea() { other.askForTime() }
    default: throw .notImplemented
    }
    return .success
  }

  private func setPeriodic(_ other: Ref<VCPU>) throws(XenError) {
    let period = try GuestMemory.fetch(address(2), initial: UInt64(0))
    guard other == vcpu else { throw .invalid }
    // Less than a millisecond is refused; a period of ages would overflow the clock.
    guard period >= 1_000_000, period <= UInt64(Int64.max) else { throw .invalid }
    let now = Hypervisor.now
    other.changeTimers { $0.tick(every: period, from: now) }
  }

  private func setSingleShot(_ other: Ref<VCPU>) throws(XenError) {
    guard other == vcpu else { throw .invalid }
    var words = InlineArray<2, UInt64>(repeating: 0)
    words = try GuestMemory.fetch(address(2), initial: words)
    // VCPU_SSHOTTMR_future: a time that is past is an error instead of a timer that fires at once.
    if words[1] & 1 != 0 && words[0] < Hypervisor.now { throw .timeExpired }
    let time = words[0]
    other.changeTimers { $0.oneShot = time }
  }

  /// VCPUOP_register_vcpu_info: a frame and an offset in it (struct vcpu_register_vcpu_info). Once for each vCPU.
  private func registerInfo(_ other: Ref<VCPU>) throws(XenError) {
    var words = InlineArray<2, UInt64>(repeating: 0)
    words = try GuestMemory.fetch(address(2), initial: words)
    let frame = MachineFrame(words[0])
    let offset = UInt32(truncatingIfNeeded: words[1])
    guard offset <= 4096 &- 64, offset & 7 == 0 else { throw .noSuchDevice }
    let (caller, owner) = (vcpu, domain[].id)
    try other.claimed { () throws(XenError) in
      guard !other[].hasOwnInfo else { throw .invalid }
      // A vCPU other than the caller's must not be running with the old place while it changes.
      guard other == caller || other[].holds.load() & VCPUHold.down != 0 else { throw .invalid }
      guard ledger[].takeWritable(frame, owner: owner) else { throw .invalid }
      other.moveInfo(to: VCPUInfoPlace(frame: frame, offset: Int(offset)))
    }
  }

  /// VCPUOP_initialise: gives a vCPU that is down its first state (struct vcpu_guest_context).
  private mutating func initialise(_ other: Ref<VCPU>) throws(XenError) -> HypercallOutcome {
    guard other[].holds.load() & VCPUHold.down != 0 else { throw .exists }
    let source = address(2)
    try other.claimed { () throws(XenError) in
      guard !other[].isInitialised else { throw .exists }
      _ = try GuestContext.load(other, from: source)
    }
    return .success
  }
}
