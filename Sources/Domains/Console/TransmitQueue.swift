// SPDX-License-Identifier: Apache-2.0
// What is on its way to the serial port. A line of 115200 baud takes 87 microseconds for a byte, so nobody waits for it: text is
// queued, and goes out 16 bytes at a time (the port's FIFO) whenever somebody writes, the port's transmitter interrupts, or a
// timer is due. What finds no room is left out, and how much it was is said.
//
// The port is driven synchronously, each byte waited for, until interrupts are up, with `sync_console`, in a panic, and when the
// machine ends: then what is queued goes out first.
//
//   U1  Whoever leaves something in the queue has the transmitter's interrupt asked for, under the console's lock, and sets a
//       timer of its own CPU's on the way out (`CPUWork.transmit`). A lost interrupt therefore delays, and loses nothing.
//   U2  Reading the port's reason for an interrupt takes the reason away, so whoever reads it looks at the transmitter
//       afterwards, under the lock (`ConsoleInput.run`).
import Machine

/// A ring of bytes for the serial port. Under the console's lock.
public struct TransmitQueue: ~Copyable {
  /// The queue's size unless `serial_tx_buffer=` says another, and what that may say: powers of two, in bytes.
  public static let standardSize: UInt64 = 1 << 14
  /// Its bounds.
  public static let sizes: ClosedRange<UInt64> = (1 << 12)...(1 << 20)
  /// What Domain 0's output leaves free, in bytes, for messages of the hypervisor's own.
  static let reserve: UInt64 = 2048
  /// Nothing has gone out for so long, in nanoseconds: the line is stuck (a terminal that holds it up, say), and nobody waits.
  static let patience: UInt64 = 500_000_000

  let first: MachineFrame
  let capacity: UInt64
  // How many bytes were ever put in, and how many have gone out.
  var queued: UInt64 = 0
  var sent: UInt64 = 0
  /// How many bytes have found no room since that was last said.
  var dropped: UInt64 = 0
  /// Whether each byte is waited for.
  var isSynchronous = true
  /// Whether the port interrupts this machine.
  var hasInterrupt = false
  /// Whether the transmitter's interrupt is asked for.
  var isAsking = false
  /// When a byte last went out, or the first was put in, in system time.
  var progress: UInt64 = 0
  /// Whether the port did not take a byte that was waited for; then nobody waits again until it does.
  var isStuck = false

  /// A queue in `bytes` bytes of memory (a power of two) from `first` on, which is not in use before `start`.
  init(first: MachineFrame, bytes: UInt64) {
    self.first = first
    capacity = bytes
  }

  /// How many bytes find room.
  var room: UInt64 { capacity &- (queued &- sent) }

  private func place(_ position: UInt64) -> (frame: MachineFrame, byte: Int) {
    let offset = position & (capacity &- 1)
    return (first + offset &>> 12, Int(offset & 4095))
  }

  /// Sends a byte, or puts it in.
  mutating func add(_ byte: UInt8, _ port: SerialPort) {
    if isSynchronous { return wait(byte, port) }
    guard room > 0 else {
      dropped &+= 1
      return
    }
    let (frame, offset) = place(queued)
    PhysicalWindow.store8(frame, byte: offset, byte)
    queued &+= 1
  }

  private mutating func wait(_ byte: UInt8, _ port: SerialPort) { isStuck = !port.send(byte, isPatient: !isStuck) }

  /// Says how much has found no room, once there is room to say it.
  mutating func tellDropped(_ port: SerialPort) {
    guard dropped > 0, isSynchronous || room >= 256 else { return }
    var line = TextLine()
    line.put("\r\n(XEN) [")
    line.put(decimal: dropped)
    line.put(" bytes left out: the serial line is too slow]\r\n")
    dropped = 0
    for index in 0..<line.count { add(line.byte(index), port) }
  }

  /// Gives the port what it takes now: up to four fillings, as a FIFO of an emulated one is empty again at once.
  mutating func pump(_ port: SerialPort, now: UInt64) {
    var fillings = 4
    while sent != queued && fillings > 0 && port.isReady {
      fill(port)
      fillings &-= 1
      progress = now
    }
    let asks = hasInterrupt && sent != queued
    if asks != isAsking {
      isAsking = asks
      port.setInterrupts(receive: hasInterrupt, transmit: asks)
    }
  }

  private mutating func fill(_ port: SerialPort) {
    var burst = port.burst
    while burst > 0 && sent != queued {
      let (frame, offset) = place(sent)
      port.put(PhysicalWindow.load8(frame, byte: offset))
      sent &+= 1
      burst &-= 1
    }
  }

  /// From now on each byte is waited for, and what is queued goes out first. A port that takes nothing costs a moment, not one for
  /// each byte.
  mutating func goSynchronous(_ port: SerialPort) {
    while sent != queued {
      isStuck = !port.waitUntilReady(isPatient: !isStuck)
      if isStuck { sent = queued } else { fill(port) }
    }
    if isAsking { port.setInterrupts(receive: hasInterrupt, transmit: false) }
    isAsking = false
    isSynchronous = true
    tellDropped(port)
  }
}

extension Ref where T == Console {
  /// Interrupts are up: nobody waits for the serial line any more.
  public func goAsynchronous(hasInterrupt: Bool) {
    guard let port = self[].port else { return }
    self[].pollInterval = hasInterrupt ? 20_000_000 : 1_000_000
    self[].lock.withLock { ring in
      ring.queue.hasInterrupt = hasInterrupt
      ring.queue.isSynchronous = false
      if hasInterrupt { port.setInterrupts(receive: true, transmit: false) }
    }
  }

  /// The machine ends: all that was said goes out, and what is still to be said goes out at once.
  public func goSynchronous() {
    guard let port = self[].port else { return }
    if PanicState.isOurs {
      self[].lock.seize { $0.queue.goSynchronous(port) }
    } else {
      self[].lock.withLock { $0.queue.goSynchronous(port) }
    }
  }

  /// Whether `count` bytes of Domain 0's find room; it is told to come back if not, unless the line is stuck.
  public func hasRoom(for count: Int) -> Bool {
    guard let port = self[].port else { return true }
    return self[].lock.withLock { ring in
      if ring.queue.isSynchronous { return true }
      let now = Hypervisor.now
      ring.queue.pump(port, now: now)
      // Each end of a line takes a byte more.
      return ring.queue.room >= 2 &* UInt64(count) &+ TransmitQueue.reserve
        || now &- ring.queue.progress > TransmitQueue.patience
    }
  }

  /// The serial port has interrupted, or a timer is due: gives it what it takes now.
  func transmit() {
    guard let port = self[].port else { return }
    let isWaiting = self[].lock.withLock { ring in
      if ring.queue.isSynchronous { return false }
      ring.queue.pump(port, now: Hypervisor.now)
      return ring.queue.sent != ring.queue.queued
    }
    if isWaiting { Ref<PhysicalCPU>.current[].work.fetchOr(CPUWork.transmit) }
  }

  /// This CPU looks after the queue again before long (rule U1), on the way out, where no lock is held.
  static func watchQueue(_ cpu: Ref<PhysicalCPU>) {
    cpu[].consolePoll = Hypervisor.now &+ shared[].pollInterval
    Timers.program(cpu)
  }

  /// This CPU's timer has interrupted: looks after the queue if it is time.
  @inline(__always)
  static func pollQueue(_ cpu: Ref<PhysicalCPU>, now: UInt64) {
    guard now >= cpu[].consolePoll else { return }
    cpu[].consolePoll = UInt64.max
    shared.transmit()
  }
}
