// SPDX-License-Identifier: Apache-2.0
// A whole simulated machine for host tests and the fuzzer: memory, ledger, CPUs, the hypervisor's records, console, clock and
// domains, so that hypercalls run as they do on metal. There is one builder, and one machine at a time in the process.
import CXenABI
import Domains
import Foundation
import Frames
import Hypercalls
import Machine
import XenABI

/// What a machine is to be like.
public struct MachinePlan {
  /// Frames of memory (4096: 16 MiB).
  public var frames: UInt64 = 4096
  /// Of these at the end: frames that no RAM stands behind.
  public var devices: UInt64 = 0
  /// Nil: system time is the host's. Else it stands still near so many nanoseconds: nothing then depends on how fast the host
  /// is, and a seed replays exactly. (It is the host's counter, slowed so much that its first tick is seconds away.)
  public var standingTime: UInt64?
  /// What the time-stamp counter shows at system time zero; nil: what it shows when the machine is made. Zero where a test
  /// explores: the counter then begins near zero for each run.
  public var origin: UInt64?

  /// A plan that differs from the usual one in these.
  public init(frames: UInt64 = 4096, devices: UInt64 = 0, standingTime: UInt64? = nil, origin: UInt64? = nil) {
    self.frames = frames
    self.devices = devices
    self.standingTime = standingTime
    self.origin = origin
  }

  var clock: SystemClock {
    guard let standingTime else {
      return SystemClock(origin: origin ?? SystemClock.counter, hertz: 1_000_000_000, timerHertz: 1_000_000_000)
    }
    let shift = UInt64(-Int(TickScale(hertz: UInt64.max).shift))
    return SystemClock(
      origin: SystemClock.counter &- standingTime &<< shift, hertz: UInt64.max, timerHertz: 1_000_000_000)
  }
}

/// A machine for one test or one episode of the fuzzer.
public final class SimulatedMachine {
  /// Frames of memory.
  public let frames: UInt64
  /// The record of CPU 0.
  public let cpu: Ref<PhysicalCPU>
  /// How often a call was preempted so far.
  public private(set) var preemptions = 0
  /// The address space that `map` makes, once something is mapped in it.
  private var root: MachineFrame?

  /// Runs `body` in a fresh machine, alone in the process, as its CPU 0.
  public static func run<R>(_ plan: MachinePlan = MachinePlan(), _ body: (SimulatedMachine) throws -> R) rethrows -> R {
    try MachineTurn.take { try body(SimulatedMachine(plan)) }
  }

  /// A fresh machine for a caller that has the turn (`MachineTurn`) or is alone in its process.
  public init(_ plan: MachinePlan) {
    frames = plan.frames
    var layout = SimulatedMemory(frames: frames)
    SimulatedMachine.publishFeatures()
    let translation = MachineToPhysical(first: layout.take((frames * 8 + 4095) >> 12), entries: frames)
    var memory = BootMemory()
    let boot = layout.take(64)
    _ = memory.add(start: boot.number, end: boot.number + 64)
    guard let tables = HypervisorPageTables(memory: &memory),
      let area = CPUArea(number: 0, tables: tables, memory: &memory)
    else { preconditionFailure("no memory for the CPU's area") }
    Ref<Hypervisor>.create(
      in: layout.take(Ref<Hypervisor>.framesNeeded),
      Hypervisor(
        clock: plan.clock, tables: tables, machineToPhysical: translation,
        domains: DomainTable(directory: layout.take(), first: layout.take()),
        vcpus: VCPURegistry(directory: layout.take(), first: layout.take()))
    ).publish()
    cpu = Ref<PhysicalCPU>.create(
      in: layout.take(Ref<PhysicalCPU>.framesNeeded),
      PhysicalCPU(number: 0, area: area, timers: TimerQueue(directory: layout.take(), first: layout.take())))
    cpu.bindToCurrentCPU()
    Ref<Hypervisor>.shared[].cpus[0] = cpu
    Ref<InterruptRouting>.create(
      in: layout.take(Ref<InterruptRouting>.framesNeeded),
      InterruptRouting(directory: layout.take(), first: layout.take())
    ).publish()
    Ref<Console>.create(
      in: layout.take(Ref<Console>.framesNeeded), Console(port: nil, ring: layout.take(), frames: 1)
    ).publish()
    Ref<MachineMemory>.create(in: layout.take(Ref<MachineMemory>.framesNeeded), MachineMemory(map: E820Map()))
      .publish()
    layout.finish(devices: plan.devices)
  }

  /// The same CPU whatever the host's is.
  private static func publishFeatures() {
    var features = CPUFeatures.detect()
    features.xsave = false
    features.isAMD = false
    features.gigabytePages = false
    features.fsgsbase = true
    features.physicalBits = 40
    features.publish()
  }

  // ---- CPUs ----

  /// Makes the calling thread another CPU of the machine, with a record of its own.
  public func becomeCPU(_ number: Int) {
    Simulation.becomeCPU(number)
    if let root { Simulation.useTables(root: root) }
    var memory = BootMemory()
    let first = ownFrames(64)
    _ = memory.add(start: first.number, end: first.number + 64)
    guard let area = CPUArea(number: number, tables: Ref<Hypervisor>.shared[].tables, memory: &memory) else {
      preconditionFailure("no memory for the CPU's area")
    }
    let cpu = Ref<PhysicalCPU>.create(
      in: ownFrames(Ref<PhysicalCPU>.framesNeeded),
      PhysicalCPU(number: number, area: area, timers: TimerQueue(directory: ownFrames(1), first: ownFrames(1))))
    cpu.bindToCurrentCPU()
    Ref<Hypervisor>.shared[].cpus[number] = cpu
  }

  /// Runs each body on a thread of its own, as CPUs 1, 2 and so on, and waits for all of them.
  public func onCPUs(_ bodies: [() -> Void]) {
    let done = DispatchGroup()
    for (index, body) in bodies.enumerated() {
      done.enter()
      Thread.detachNewThread {
        self.becomeCPU(index + 1)
        body()
        done.leave()
      }
    }
    done.wait()
  }

  /// This CPU goes by way of a guest: it forgets what it has found.
  public func pause() { GracePeriod.pause(Ref<PhysicalCPU>.current) }

  // ---- Memory ----

  /// Contiguous frames of the hypervisor's own.
  public func ownFrames(_ count: UInt64) -> MachineFrame {
    var order = 0
    while UInt64(1) << UInt64(order) < count { order += 1 }
    guard let first = ledger[].allocateOwn(order: order) else { preconditionFailure("the machine is too small") }
    return first
  }

  /// A cleared frame that belongs to a domain.
  public func guestFrame(_ domain: Ref<Domain>) -> MachineFrame {
    guard let frame = ledger[].allocate(for: domain[].id) else { preconditionFailure("the domain has no memory left") }
    PhysicalWindow.clear(frame)
    return frame
  }

  /// Maps a frame where guest copies find it, writable unless told otherwise. Tables are the hypervisor's own.
  public func map(_ linear: UInt64, _ frame: MachineFrame, isWritable: Bool = true) {
    if root == nil {
      let root = ownFrames(1)
      self.root = root
      Simulation.useTables(root: root)
    }
    guard var table = root else { return }
    let address = LinearAddress(linear)
    for level in [4, 3, 2] {
      let entry = PhysicalWindow.load(table, word: address.index(level: level))
      if entry & PTE.present != 0 {
        table = MachineFrame(physical: entry & PTE.frameMask)
      } else {
        let next = ownFrames(1)
        PhysicalWindow.store(
          table, word: address.index(level: level), next.physical | PTE.present | PTE.writable | PTE.user)
        table = next
      }
    }
    let rights = PTE.present | PTE.user | (isWritable ? PTE.writable : 0)
    PhysicalWindow.store(table, word: address.index(level: 1), frame.physical | rights)
  }

  // ---- Domains ----

  /// A new domain, listed, with vCPUs that are up, have their `vcpu_info` in the shared page, and stand in no run queue. All
  /// events are unmasked for each vCPU; each port's mask is as in a cleared page: off.
  public func makeDomain(
    _ id: UInt16, vcpus: Int = 1, isPrivileged: Bool = false, mayUseHardware: Bool = false,
    maximumPort: UInt32 = EventChannels.fifoPorts - 1, frameLimit: UInt64 = 1 << 20,
    grantLimits: GrantLimits = GrantLimits()
  ) -> Ref<Domain> {
    let id = DomainID(id)
    ledger[].accounts.setLimit(id, frameLimit)
    let room = ownFrames(1)
    guard let shared = ledger[].allocateShared(with: id),
      let grants = GrantTable.make(owner: id, limits: grantLimits, room: room)
    else { preconditionFailure("no memory for a domain") }
    let domain = Ref<Domain>.create(
      in: ownFrames(Ref<Domain>.framesNeeded),
      Domain(
        id: id, isPrivileged: isPrivileged, mayUseHardware: mayUseHardware, sharedInfo: shared, room: room,
        maximumVCPUs: vcpus, processor: Processor.policy(isControlDomain: isPrivileged, vcpuLimit: vcpus),
        highestPort: maximumPort, grants: grants))
    for index in 0..<vcpus {
      guard let handle = Ref<Hypervisor>.shared[].vcpus.reserve() else { preconditionFailure("too many vCPUs") }
      let place = ownFrames(1)
      let vcpu = Ref<VCPU>.create(
        in: place,
        VCPU(
          id: VCPUID(UInt32(index)), domain: domain, index: handle,
          info: VCPUInfoPlace(frame: shared, offset: index * SharedInfoLayout.vcpuInfoSize),
          extendedState: ExtendedStateArea(frame: ownFrames(1)), room: place, now: Hypervisor.now))
      Ref<Hypervisor>.shared[].vcpus.set(handle, vcpu)
      vcpu[].holds.store(0)
      domain[].add(vcpu)
    }
    Ref<Hypervisor>.shared[].domains.set(id, domain)
    return domain
  }

  // ---- Hypercalls ----

  /// Makes a hypercall as a vCPU, again and again while it says so; `restart` when it waits for somebody who does nothing here. The number is one of __HYPERVISOR_* (xen/xen.h); the result
  /// is what the guest finds in rax.
  public func call(_ vcpu: Ref<VCPU>, _ number: Int32, _ arguments: [UInt64]) -> Int64 {
    var words = InlineArray<6, UInt64>(repeating: 0)
    for (index, value) in arguments.enumerated() { words[index] = value }
    var call = Hypercall(vcpu: vcpu, domain: vcpu[].domain, arguments: words)
    var left = 10_000
    while true {
      Stretch.begin()
      do throws(XenError) {
        switch try call.dispatch(UInt64(number)) {
        case .done(let value): return Int64(bitPattern: value)
        case .again: break
        case .interruptReturn: preconditionFailure("an iret has no result")
        }
      } catch {
        if error != .restart || left == 0 { return error.code }
      }
      left -= 1
      preemptions += 1
      pause()
    }
  }
}

extension XenError {
  /// What a caller finds in rax.
  public var code: Int64 { Int64(bitPattern: result) }
}
