// SPDX-License-Identifier: Apache-2.0
// A whole simulated machine for host tests: memory, ledger, the hypervisor's records, domains, and a guest's address space, so
// that hypercalls run as they do on metal.
import Domains
import Foundation
import Frames
import Hypercalls
import Machine
import MachineTurn
import XenABI

/// A machine for one test. There is one at a time in the process: `World.run` makes tests take turns.
public final class World {
  /// Frames of memory.
  public let frames: UInt64
  /// The address space that guest copies go through, once something is mapped in it.
  private var root: MachineFrame?

  /// Runs `body` in a fresh machine of `frames` frames (4096: 16 MiB), alone in the process, as its CPU 0.
  public static func run<R>(frames: UInt64 = 4096, _ body: (World) throws -> R) rethrows -> R {
    try MachineTurn.take { try body(World(frames: frames)) }
  }

  private init(frames: UInt64) {
    self.frames = frames
    precondition(Simulation.start(frames: frames), "no memory for a simulated machine")
    var next = MachineFrame(1)
    func take(_ count: UInt64) -> MachineFrame {
      defer { next = next + count }
      return next
    }
    let storage = take(FrameLedger.framesNeeded(for: frames))
    let ledgerPlace = take(Ref<FrameLedger>.framesNeeded)
    Ref<FrameLedger>.create(in: ledgerPlace, FrameLedger(storage: storage, frames: frames)).publish()

    let translation = MachineToPhysical(first: take((frames * 8 + 4095) >> 12), entries: frames)
    var memory = BootMemory()
    let boot = take(64)
    _ = memory.add(start: boot.number, end: boot.number + 64)
    let tables = HypervisorPageTables(memory: &memory)!
    let area = CPUArea(number: 0, tables: tables, memory: &memory)!
    let table = DomainTable(directory: take(1), first: take(1))
    Ref<Hypervisor>.create(
      in: take(Ref<Hypervisor>.framesNeeded),
      Hypervisor(
        clock: SystemClock(origin: SystemClock.counter, hertz: 1_000_000_000, timerHertz: 1_000_000_000),
        tables: tables,
        machineToPhysical: translation, domains: table, vcpus: VCPURegistry(directory: take(1), first: take(1)))
    ).publish()
    let cpu = Ref<PhysicalCPU>.create(
      in: take(Ref<PhysicalCPU>.framesNeeded),
      PhysicalCPU(number: 0, area: area, timers: TimerQueue(directory: take(1), first: take(1))))
    cpu.bindToCurrentCPU()
    Ref<Hypervisor>.shared[].cpus[0] = cpu
    Ref<InterruptRouting>.create(
      in: take(Ref<InterruptRouting>.framesNeeded), InterruptRouting(directory: take(1), first: take(1))
    ).publish()
    ledger[].claim(start: 0, end: next.number)
    ledger[].addMemory(start: next.number, end: frames)
  }

  /// Makes the calling thread another CPU of the machine, with a record of its own.
  public func becomeCPU(_ number: Int) {
    Simulation.becomeCPU(number)
    if let root { Simulation.useTables(root: root) }
    var memory = BootMemory()
    let first = ownFrames(64)
    _ = memory.add(start: first.number, end: first.number + 64)
    let area = CPUArea(number: number, tables: Ref<Hypervisor>.shared[].tables, memory: &memory)!
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

  /// Contiguous frames of the hypervisor's own.
  public func ownFrames(_ count: UInt64) -> MachineFrame {
    var order = 0
    while UInt64(1) << UInt64(order) < count { order += 1 }
    return ledger[].allocateOwn(order: order)!
  }

  /// A new domain, listed, with vCPUs that are up and have their `vcpu_info` in the shared page. All events are unmasked for
  /// each vCPU; each port's mask is as in a cleared page: off.
  public func makeDomain(
    _ id: UInt16, vcpus: Int = 1, isPrivileged: Bool = false, mayUseHardware: Bool = false,
    maximumPort: UInt32 = EventChannels.fifoPorts - 1, frameLimit: UInt64 = 1 << 20
  ) -> Ref<Domain> {
    let id = DomainID(id)
    ledger[].accounts.setLimit(id, frameLimit)
    let shared = ledger[].allocateShared(with: id)!
    let room = ownFrames(1)
    let domain = Ref<Domain>.create(
      in: ownFrames(Ref<Domain>.framesNeeded),
      Domain(
        id: id, isPrivileged: isPrivileged, mayUseHardware: mayUseHardware, sharedInfo: shared, room: room,
        maximumVCPUs: vcpus,
        processor: Processor.policy(isControlDomain: isPrivileged, vcpuLimit: vcpus),
        highestPort: maximumPort, grants: GrantTable.make(owner: id, room: room)!))
    for index in 0..<vcpus {
      let handle = Ref<Hypervisor>.shared[].vcpus.reserve()!
      let place = ownFrames(1)
      let vcpu = Ref<VCPU>.create(
        in: place,
        VCPU(
          id: VCPUID(UInt32(index)), domain: domain, index: handle,
          info: VCPUInfoPlace(frame: shared, offset: index * SharedInfoLayout.vcpuInfoSize),
          extendedState: ExtendedStateArea(frame: ownFrames(1)), room: place,
          now: Hypervisor.now))
      Ref<Hypervisor>.shared[].vcpus.set(handle, vcpu)
      vcpu[].holds.store(0)
      domain[].add(vcpu)
    }
    Ref<Hypervisor>.shared[].domains.set(id, domain)
    return domain
  }

  /// A cleared frame that belongs to a domain.
  public func guestFrame(_ domain: Ref<Domain>) -> MachineFrame {
    let frame = ledger[].allocate(for: domain[].id)!
    PhysicalWindow.clear(frame)
    return frame
  }

  /// Maps a frame where guest copies find it, writable unless told otherwise. Tables are the hypervisor's own.
  public func map(_ linear: UInt64, _ frame: MachineFrame, isWritable: Bool = true) {
    if root == nil {
      root = ownFrames(1)
      Simulation.useTables(root: root!)
    }
    var table = root!
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

  /// This CPU goes by way of a guest: it forgets what it has found.
  public func pause() { GracePeriod.pause(Ref<PhysicalCPU>.current) }

  /// Makes a hypercall as a vCPU, again and again while it says so. The result is what the guest finds in rax.
  public func call(
    _ vcpu: Ref<VCPU>, _ arguments: [UInt64],
    _ handler: (inout Hypercall) throws(XenError) -> HypercallOutcome
  ) -> Int64 {
    var words = InlineArray<6, UInt64>(repeating: 0)
    for (index, value) in arguments.enumerated() { words[index] = value }
    var call = Hypercall(vcpu: vcpu, domain: vcpu[].domain, arguments: words)
    while true {
      do throws(XenError) {
        switch try handler(&call) {
        case .done(let value): return Int64(bitPattern: value)
        case .again: pause()
        case .interruptReturn: preconditionFailure("an iret has no result")
        }
      } catch {
        return Int64(bitPattern: error.result)
      }
    }
  }
}

/// A generator of random numbers that gives the same ones for the same seed (SplitMix64).
public struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  public init(seed: UInt64) { state = seed }
  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
