// SPDX-License-Identifier: Apache-2.0
// The hypervisor's own messages: to the serial console, and into a ring that Domain 0 can read (`xl dmesg`).
import Machine

/// How much a message matters, as in the `loglvl` option.
public enum LogLevel: Int, Comparable {
  case error = 0
  case warning = 1
  case info = 2
  case debug = 3

  /// By weight: what matters most is the least.
  @inlinable public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
}

/// The console's state. Its lock has the highest rank: a message can be written anywhere.
public struct Console: ~Copyable, Anchored {
  /// The console's own slot.
  public static var anchorSlot: AnchorSlot { .console }

  /// Where the text goes and comes from; nil without one.
  public var port: SerialPort?
  /// Messages of a lower weight than this are not shown.
  public var threshold = LogLevel.warning
  /// Whether what Domain 0 writes to the console is kept in the ring, too (`console_to_ring`).
  public var keepsDomain0 = false
  /// Whether what other domains write to the console is shown (`guest_loglvl`).
  public var guestOutput = GuestOutput.hidden
  /// The ring of everything shown: frames from `ringFirst` on, a power of two of bytes.
  let ringFirst: MachineFrame
  let ringBytes: Int
  /// The frame that says after a warm reboot what the ring holds; nil for a ring that need not outlive one.
  let header: MachineFrame?
  /// The ring's bookkeeping, and what is on its way to the port.
  public var lock: Lock<ConsoleRing>
  /// How long a CPU that leaves something in the queue lets it be before it looks after it again, in nanoseconds.
  var pollInterval: UInt64 = 0
  /// How often guests' deaths are told with all their registers.
  var deaths = Lock<GuestDeaths>(.guestLine, GuestDeaths())
  /// What has been typed.
  public var input = Lock<ConsoleInput>(.console, ConsoleInput())

  /// The ring's size in bytes, unless `conring_size=` says another, and what that may say: powers of two.
  public static let standardRingSize: UInt64 = 1 << 16
  /// A panic seals the ring after each of its lines, which bounds its size from above.
  public static let ringSizes: ClosedRange<UInt64> = (1 << 14)...(1 << 24)

  /// A console with a ring in `frames` (a power of two) frames, which already holds the newest of `produced` bytes.
  /// What is to be sent waits in `queueBytes` bytes (a power of two) from frame `queue` on, once interrupts are up.
  public init(
    port: SerialPort?, ring: MachineFrame, frames: Int, header: MachineFrame? = nil, produced: UInt64 = 0,
    queue: MachineFrame = MachineFrame(0), queueBytes: UInt64 = 0
  ) {
    self.port = port
    ringFirst = ring
    ringBytes = frames &* 4096
    self.header = header
    lock = Lock(.console, ConsoleRing(produced: produced, queue: TransmitQueue(first: queue, bytes: queueBytes)))
  }
}

/// What the console's lock protects.
public struct ConsoleRing: ~Copyable {
  /// How many bytes have ever been put in.
  public var produced: UInt64 = 0
  /// From where a reader that clears starts.
  public var cleared: UInt64 = 0
  /// What is on its way to the serial port.
  var queue: TransmitQueue

  init(produced: UInt64, queue: consuming TransmitQueue) {
    self.produced = produced
    self.queue = queue
  }
}

extension Ref where T == Console {
  /// Puts one byte out, with the carriage return that a terminal wants. Under the lock.
  func emit(_ byte: UInt8, _ ring: inout ConsoleRing) {
    let offset = Int(ring.produced & UInt64(self[].ringBytes &- 1))
    PhysicalWindow.store8(self[].ringFirst + UInt64(offset &>> 12), byte: offset & 4095, byte)
    ring.produced &+= 1
    send(byte, &ring)
  }

  private func send(_ byte: UInt8, _ ring: inout ConsoleRing) {
    guard let port = self[].port else { return }
    if byte == 10 { ring.queue.add(13, port) }
    ring.queue.add(byte, port)
  }

  /// Runs `body` with the ring; what it says, and what there was to say before, is sent as far as the port takes it. Gives
  /// whether the ring has grown, and whether something waits to be sent.
  private func run(_ body: (inout ConsoleRing) -> Void, _ ring: inout ConsoleRing) -> (hasGrown: Bool, isWaiting: Bool)
  {
    let before = ring.produced
    let port = self[].port
    if let port { ring.queue.tellDropped(port) }
    if ring.queue.sent == ring.queue.queued, !ring.queue.isSynchronous { ring.queue.progress = Hypervisor.now }
    body(&ring)
    if let port, !ring.queue.isSynchronous { ring.queue.pump(port, now: Hypervisor.now) }
    return (ring.produced != before, ring.queue.sent != ring.queue.queued)
  }

  /// Runs `body` with the ring, alone. A CPU that has panicked waits for nobody, and has the ring outlive each of its lines.
  func withRing(_ body: (inout ConsoleRing) -> Void) {
    guard PanicState.isOurs else {
      let (hasGrown, isWaiting) = self[].lock.withLock { ring in run(body, &ring) }
      // Whoever follows the ring (xenconsoled with --log=hv) is told on the way to a guest, where no lock is held, and the queue
      // is looked after from there (rule U1); a machine that is still being set up has nobody to tell.
      let work = (hasGrown ? CPUWork.consoleRing : 0) | (isWaiting ? CPUWork.transmit : 0)
      if work != 0, Ref<Hypervisor>.isPublished, let cpu = Ref<Hypervisor>.shared[].cpus[CPUs.current] {
        cpu[].work.fetchOr(work)
      }
      return
    }
    self[].lock.seize { ring in
      body(&ring)
      if let header = self[].header {
        PreservedRing(header: header, first: self[].ringFirst, bytes: self[].ringBytes).seal(produced: ring.produced)
      }
    }
  }

  /// Writes a line, prefixed as users of Xen know it if it is the hypervisor's own.
  public func write(_ line: borrowing TextLine, isOurs: Bool = true) {
    withRing { ring in
      if isOurs {
        var prefix = TextLine()
        prefix.put("(XEN) ")
        prefix.forEach { emit($0, &ring) }
      }
      line.forEach { emit($0, &ring) }
      emit(10, &ring)
    }
  }

  /// Writes bytes of Domain 0's as they are.
  public func write(raw bytes: Span<UInt8>) {
    let isKept = self[].keepsDomain0
    withRing { ring in
      for index in 0..<bytes.count {
        if isKept { emit(bytes[index], &ring) } else { send(bytes[index], &ring) }
      }
    }
  }

  /// The byte at a position of the stream, if it is still in the ring.
  public func byte(at position: UInt64) -> UInt8 {
    let offset = Int(position & UInt64(self[].ringBytes &- 1))
    return PhysicalWindow.load8(self[].ringFirst + UInt64(offset &>> 12), byte: offset & 4095)
  }

  /// How many bytes the ring holds at most.
  public var capacity: UInt64 { UInt64(self[].ringBytes) }
}

/// Writing messages.
public enum Log {
  /// Writes a line that `fill` puts together, if its weight is shown.
  @inline(__always)
  public static func write(_ level: LogLevel, _ fill: (inout TextLine) -> Void) {
    guard Ref<Console>.isPublished, level <= Ref<Console>.shared[].threshold else { return }
    var line = TextLine()
    fill(&line)
    Ref<Console>.shared.write(line)
  }

  /// Writes a fixed line.
  public static func write(_ level: LogLevel, _ text: StaticString) {
    write(level) { $0.put(text) }
  }
}
