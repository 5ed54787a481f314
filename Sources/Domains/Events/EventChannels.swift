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

  /// No channels yet. Ports up to `maximumPort` can be had.
  ///
  /// - Throws: `noMemory`.
  public init(maximumPort: UInt32 = EventChannels.fifoPorts &- 1) throws(XenError) {
    guard let directory = ledger[].allocateOwn() else { throw .noMemory }
    guard let table = ledger[].allocateOwn() else {
      ledger[].freeOwn(directory)
      throw .noMemory
    }
    guard let first = ledger[].allocateOwn() else {
      ledger[].freeOwn(directory)
      ledger[].freeOwn(table)
      throw .noMemory
    }
    ports = PortTable(directory: directory, first: first)
    let state = EventBindings(table: table, maximumPort: min(maximumPort, EventChannels.fifoPorts &- 1))
    ports[0] = PortRecord(.reserved)
    state.setFreePorts(page: 0, PortTable.perFrame &- 1)
    bindings = Lock(.events, state)
    queues = Lock(.eventQueue, EventQueues())
  }

  /// Gives back the memory that each domain's channels have from the start, and the records of ports.
  mutating func discard() {
    bindings.withLock { ledger[].freeOwn($0.table) }
    ports.destroy()
  }

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
  /// A frame of 4-byte words: 512 ports of virtual interrupts that each vCPU has (`slot` says where), 24 ports of those of
  /// which there is one, and from word 768 on how many ports are free in each frame of records. Zero: none.
  let table: MachineFrame
  /// A frame of the ports of physical interrupts, by number; nil before the first.
  var pirqPorts: MachineFrame?

  init(table: MachineFrame, maximumPort: UInt32) {
    self.table = table
    self.maximumPort = maximumPort
  }

  /// How many ports are free in a frame of records.
  func freePorts(page: Int) -> Int { Int(PhysicalWindow.load32(table, word: 768 &+ page & 255)) }
  func setFreePorts(page: Int, _ count: Int) {
    PhysicalWindow.store32(table, word: 768 &+ page & 255, UInt32(truncatingIfNeeded: count))
  }

  /// Where the port of a virtual interrupt is noted.
  @inline(__always)
  static func slot(virq: UInt32, vcpu: Int) -> Int {
    let kind: Int
    switch virq {
    case VirtualInterrupt.timer: kind = 0
    case VirtualInterrupt.debug: kind = 1
    case VirtualInterrupt.profiler: kind = 2
    case VirtualInterrupt.performance: kind = 3
    default: return 512 &+ Int(truncatingIfNeeded: virq & 31)
    }
    return (vcpu & 127) &* 4 &+ kind
  }

  /// The port that a virtual interrupt is bound to; zero if to none.
  @inline(__always)
  func port(virq: UInt32, vcpu: Int) -> UInt32 {
    PhysicalWindow.load32(table, word: EventBindings.slot(virq: virq, vcpu: vcpu))
  }

  func setPort(virq: UInt32, vcpu: Int, _ port: UInt32) {
    PhysicalWindow.store32(table, word: EventBindings.slot(virq: virq, vcpu: vcpu), port)
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
