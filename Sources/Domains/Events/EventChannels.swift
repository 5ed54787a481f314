// SPDX-License-Identifier: Apache-2.0
// A domain's event channels: which ports it has, what they are bound to, and how events reach its vCPUs.
//
// What protects what:
//
//   - `bindings` (rank `events`) is the lock under which the records of the domain's own ports change. The records stand
//     outside it, because others read them: each is one word.
//   - Two ports that are connected change together, under the locks of both domains. So whoever holds the lock of one end
//     knows that the other end is still connected to it: a send takes the lock of the sender only, and sets bits at the
//     receiver by atomic operations. Closing takes both, and so waits for sends that are on their way.
//   - The queues of FIFO delivery have a lock of their own (rank `eventQueue`), innermost, because senders of many domains
//     append to them.
//   - A vCPU is notified under the sender's lock, but outside `queues`, as waking takes the lock of a run queue.
//
// After `closeAll` nothing is connected to the domain any more, and nothing can be: no event reaches it after that.
import Frames
import Machine
import XenABI

/// One domain's event channels.
public struct EventChannels: ~Copyable {
  /// Ports that two-level delivery can address (EVTCHN_2L_NR_CHANNELS).
  public static let twoLevelPorts: UInt32 = 4096
  /// Ports that FIFO delivery can address (EVTCHN_FIFO_NR_CHANNELS).
  public static let fifoPorts: UInt32 = 131_072
  /// Physical interrupts that one domain can have: their numbers are below this.
  public static let pirqLimit: UInt32 = 1024

  /// Every port's record.
  var ports: PortTable
  /// Which delivery is in force: 0 two-level, 1 FIFO. Changes under `bindings`.
  var delivery = AtomicWord(0)
  /// vCPUs that wait in SCHEDOP_poll.
  var pollers = AtomicCPUSet()
  /// Who may change bindings.
  var bindings: Lock<EventBindings>
  /// The queues of FIFO delivery.
  var queues: Lock<EventQueues>

  /// No channels yet. Ports up to `maximumPort` can be had. `room` is the domain's room (DomainRoom.swift), a cleared frame of
  /// the hypervisor's that stays as long as the domain's record.
  public init(room: MachineFrame, maximumPort: UInt32 = EventChannels.fifoPorts &- 1) {
    ports = PortTable(room: room)
    let state = EventBindings(room: room, maximumPort: min(maximumPort, EventChannels.fifoPorts &- 1))
    ports[0] = PortRecord(.reserved)
    state.setFreePorts(page: 0, DomainRoom.firstPorts &- 1)
    bindings = Lock(.events, state)
    queues = Lock(.eventQueue, EventQueues())
  }

  /// Gives back the records of ports.
  mutating func discard() { ports.destroy() }

  /// Whether FIFO delivery is in force.
  @inline(__always)
  var isFIFO: Bool { mutating get { delivery.load() != 0 } }
}

/// What a domain's lock of rank `events` protects besides the port records: what is bound to which interrupt, and which ports
/// are free.
public struct EventBindings: ~Copyable {
  /// The highest port number that may be given out.
  var maximumPort: UInt32
  /// Whether the domain is on its way out: no port is given out any more.
  var isClosed = false
  /// No frame of records before this one has a free port.
  var firstFreePage = 0
  /// The domain's room: its own part has the ports of virtual interrupts of which there is one (zero: none), and how many ports
  /// are free in each frame of records. Those of virtual interrupts that each vCPU has are with the vCPU.
  let room: MachineFrame
  /// A frame of the ports of physical interrupts, by number; nil before the first.
  var pirqPorts: MachineFrame?

  init(room: MachineFrame, maximumPort: UInt32) {
    self.room = room
    self.maximumPort = maximumPort
  }

  /// How many ports are free in a frame of records.
  func freePorts(page: Int) -> Int { Int(PhysicalWindow.load16(room, word: DomainRoom.freePorts &+ page & 255)) }
  func setFreePorts(page: Int, _ count: Int) {
    PhysicalWindow.store16(room, word: DomainRoom.freePorts &+ page & 255, UInt16(truncatingIfNeeded: count))
  }

  /// The port that a virtual interrupt is bound to; zero if to none. If each vCPU has the interrupt, that of `vcpu`.
  @inline(__always)
  func port(virq: UInt32, vcpu: Ref<VCPU>) -> UInt32 {
    VirtualInterrupt.isPerVCPU(virq) ? vcpu[].interruptPorts.port(virq) : port(global: virq)
  }

  /// The port that a virtual interrupt is bound to of which the domain has one; zero if to none.
  @inline(__always)
  func port(global virq: UInt32) -> UInt32 {
    PhysicalWindow.load32(room, word: DomainRoom.virtualInterrupts &+ Int(truncatingIfNeeded: virq & 31))
  }

  func setPort(virq: UInt32, vcpu: Ref<VCPU>, _ port: UInt32) {
    if VirtualInterrupt.isPerVCPU(virq) {
      vcpu[].interruptPorts.set(virq, port)
    } else {
      PhysicalWindow.store32(
        room, word: DomainRoom.virtualInterrupts &+ Int(truncatingIfNeeded: virq & 31), port)
    }
  }

  /// The port that a physical interrupt is bound to; zero if to none.
  func port(pirq: UInt32) -> UInt32 {
    guard let pirqPorts, pirq < EventChannels.pirqLimit else { return 0 }
    return PhysicalWindow.load32(pirqPorts, word: Int(pirq))
  }

  /// Notes the port of a physical interrupt; the frame must be there and the number below the limit.
  func setPort(pirq: UInt32, _ port: UInt32) {
    guard let pirqPorts, pirq < EventChannels.pirqLimit else { return }
    PhysicalWindow.store32(pirqPorts, word: Int(pirq), port)
  }
}
