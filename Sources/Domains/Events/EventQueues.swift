// SPDX-License-Identifier: Apache-2.0
// FIFO delivery: events as linked lists through pages of the guest (xen/event_channel.h; consumed in Linux by
// drivers/xen/events/events_fifo.c).
//
// Each port has a word in the guest's event array, with the bits pending, masked, linked and busy and the number of the next
// port in its queue. Each vCPU has 16 queues by priority: the guest's control block has each one's head and a word of which are
// ready; the tail is only ours. The guest takes ports off the head by clearing `linked`, and so sees the end of the queue at a
// port without a next one. What follows from that, as rules:
//
//   Q1  Whoever turns `linked` on (we alone, under this lock) has the right and the duty to append the port to a queue.
//   Q2  The port at the tail is in its queue as long as `linked` is on there: then the new port becomes its next one, else the
//       queue has run empty and the new port becomes the head.
//   Q3  So a tail must not name a port that was taken off and then put into another queue: when a port changes its queue, the
//       old one's tail is forgotten if it is that port.
//
// The words are the guest's to spoil. Each loop of compare-and-exchange ends after a few turns (first asking the guest by
// `busy` to leave the word alone), and a link is only ever written, never followed: a spoiled word costs the guest events.
import Machine
import XenABI

/// The queues of one domain, under its lock of rank `eventQueue`. Without pages (`arrayCount` zero, no vCPU frames) before
/// the guest has asked for FIFO delivery.
public struct EventQueues: ~Copyable {
  /// The frames that make it up.
  var frames = EventQueueFrames()

  init() {}

  // Bits of an event word, from their numbers in the header.
  static let pending: UInt32 = 1 &<< 31
  static let masked: UInt32 = 1 &<< 30
  static let linked: UInt32 = 1 &<< 29
  static let busy: UInt32 = 1 &<< 28
  static let linkMask: UInt32 = 0x1_ffff
  /// Turns of a loop before `busy` is set, and in all.
  static let patientTurns = 4
  static let allTurns = 12

  // ---- A port's word ----

  /// Whether the guest has handed in the page with the port's word.
  @inline(__always)
  func hasWord(_ port: UInt32) -> Bool { Int(truncatingIfNeeded: port &>> 10) < frames.arrayCount }

  /// The page with the port's word; only where `hasWord`.
  @inline(__always)
  func page(_ port: UInt32) -> MachineFrame { frames.array(Int(truncatingIfNeeded: port &>> 10)) }

  @inline(__always)
  func word(_ port: UInt32) -> UInt32 {
    hasWord(port) ? PhysicalWindow.load32(page(port), word: Int(truncatingIfNeeded: port & 1023)) : 0
  }

  func isLinked(_ port: UInt32) -> Bool { word(port) & EventQueues.linked != 0 }
  func isMasked(_ port: UInt32) -> Bool { !hasWord(port) || word(port) & EventQueues.masked != 0 }
  func isPending(_ port: UInt32) -> Bool {
    hasWord(port) ? word(port) & EventQueues.pending != 0 : early(port, set: nil)
  }

  func clearPending(_ port: UInt32) {
    if hasWord(port) {
      PhysicalWindow.fetchAnd32(page(port), word: Int(truncatingIfNeeded: port & 1023), ~EventQueues.pending)
    } else {
      _ = early(port, set: false)
    }
  }

  /// What happened when an event was raised.
  struct Outcome {
    /// The event was not pending before.
    var wasIdle = false
    /// The vCPU has to be told.
    var notify = false
  }

  /// Makes a port's event pending, and appends it to a queue unless it is masked or in one already.
  @inline(__always)
  func raise(_ port: UInt32, queue: Int) -> Outcome {
    guard hasWord(port) else {
      // The guest has the port but has not made room for its word yet: kept until it has.
      return Outcome(wasIdle: !early(port, set: true), notify: false)
    }
    let (page, index) = (page(port), Int(truncatingIfNeeded: port & 1023))
    var turn = 0
    while turn < EventQueues.allTurns {
      if turn == EventQueues.patientTurns { PhysicalWindow.fetchOr32(page, word: index, EventQueues.busy) }
      let seen = PhysicalWindow.load32(page, word: index)
      let wasIdle = seen & EventQueues.pending == 0
      var new = (seen | EventQueues.pending) & ~EventQueues.busy
      if !wasIdle && new == seen { return Outcome() }
      let appends = wasIdle && seen & (EventQueues.masked | EventQueues.linked) == 0
      if appends { new = (new & ~EventQueues.linkMask) | EventQueues.linked }
      if PhysicalWindow.compareExchange32(page, word: index, expected: seen, desired: new) == seen {
        return Outcome(wasIdle: wasIdle, notify: appends && append(port, queue: queue))
      }
      turn &+= 1
    }
    // Single instructions, without looking at what was there: to give that back, too, the compiler would make a loop of it.
    PhysicalWindow.fetchOr32(page, word: index, EventQueues.pending)
    PhysicalWindow.fetchAnd32(page, word: index, ~EventQueues.busy)
    return Outcome(wasIdle: true, notify: false)
  }

  /// Takes the mask away; a pending event is appended to its queue. Gives whether the vCPU has to be told.
  func unmask(_ port: UInt32, queue: Int) -> Bool {
    guard hasWord(port) else { return false }
    let (page, index) = (page(port), Int(truncatingIfNeeded: port & 1023))
    PhysicalWindow.fetchAnd32(page, word: index, ~EventQueues.masked)
    for turn in 0..<EventQueues.allTurns {
      if turn == EventQueues.patientTurns { PhysicalWindow.fetchOr32(page, word: index, EventQueues.busy) }
      let seen = PhysicalWindow.load32(page, word: index)
      let appends = seen & EventQueues.pending != 0 && seen & (EventQueues.masked | EventQueues.linked) == 0
      var new = seen & ~EventQueues.busy
      if appends { new = (new & ~EventQueues.linkMask) | EventQueues.linked }
      if new == seen { return false }
      if PhysicalWindow.compareExchange32(page, word: index, expected: seen, desired: new) == seen {
        return appends && append(port, queue: queue)
      }
    }
    PhysicalWindow.fetchAnd32(page, word: index, ~EventQueues.busy)
    return false
  }

  // ---- A queue ----

  /// Puts a port whose `linked` we have just turned on at the end of a queue. Gives whether its vCPU has to be told.
  @inline(__always)
  private func append(_ port: UInt32, queue: Int) -> Bool {
    let (own, ownOffset) = area(vcpu: queue &>> 4)
    let priority = queue & 15
    let tailWord = (ownOffset &+ EventQueueLayout.tails) &>> 2 &+ priority
    // Q3.
    let (originFrame, origin) = (frames.origins(Int(port &>> 11)), Int(port & 2047))
    let old = Int(PhysicalWindow.load16(originFrame, word: origin)) &- 1
    if old != queue { moved(port, from: old, to: queue) }
    // Q2. A port that is its own queue's tail had been taken off, or `linked` would have been on.
    let last = PhysicalWindow.load32(own, word: tailWord)
    PhysicalWindow.store32(own, word: tailWord, port)
    if last != 0 && last != port && setLink(of: last, to: port) { return false }
    let place = PhysicalWindow.load(own, word: (ownOffset &+ EventQueueLayout.place) &>> 3)
    let (block, word) = (MachineFrame(physical: place), Int(truncatingIfNeeded: place & 4095) &>> 2)
    PhysicalWindow.store32(block, word: word &+ EventQueueLayout.head &+ priority, port)
    let bit = UInt32(1) &<< UInt32(truncatingIfNeeded: priority)
    return PhysicalWindow.fetchOr32(block, word: word, bit) & bit == 0
  }

  /// Notes that a port goes to another queue than last time. Rule Q3.
  @inline(never)
  private func moved(_ port: UInt32, from old: Int, to queue: Int) {
    if old >= 0 {
      let (own, offset) = area(vcpu: old &>> 4)
      let word = (offset &+ EventQueueLayout.tails) &>> 2 &+ old & 15
      if PhysicalWindow.load32(own, word: word) == port { PhysicalWindow.store32(own, word: word, 0) }
    }
    PhysicalWindow.store16(
      frames.origins(Int(port &>> 11)), word: Int(port & 2047), UInt16(truncatingIfNeeded: queue &+ 1))
  }

  /// Makes `next` the one after `port`, if that is still in its queue.
  @inline(never)
  private func setLink(of port: UInt32, to next: UInt32) -> Bool {
    guard hasWord(port) else { return false }
    let (page, index) = (page(port), Int(port & 1023))
    for turn in 0..<EventQueues.allTurns {
      if turn == EventQueues.patientTurns { PhysicalWindow.fetchOr32(page, word: index, EventQueues.busy) }
      let seen = PhysicalWindow.load32(page, word: index)
      let inQueue = seen & EventQueues.linked != 0
      var new = seen & ~EventQueues.busy
      if inQueue { new = (new & ~EventQueues.linkMask) | next }
      if new == seen { return inQueue }
      if PhysicalWindow.compareExchange32(page, word: index, expected: seen, desired: new) == seen { return inQueue }
    }
    PhysicalWindow.fetchAnd32(page, word: index, ~EventQueues.busy)
    return false
  }

  // ---- Our own part: 256 bytes for each vCPU ----

  @inline(__always)
  func area(vcpu: Int) -> (frame: MachineFrame, offset: Int) {
    (frames.vcpus(vcpu &>> 4 & 7), (vcpu & 15) &<< 8)
  }

  /// Where a vCPU's control block is: in a page of the guest's or, before the guest has named one, in our own part.
  @inline(__always)
  func controlBlock(vcpu: Int) -> (frame: MachineFrame, offset: Int) {
    let (frame, offset) = area(vcpu: vcpu)
    let place = PhysicalWindow.load(frame, word: (offset &+ EventQueueLayout.place) &>> 3)
    return (MachineFrame(physical: place), Int(truncatingIfNeeded: place & 4095))
  }

  /// Events of ports without a word: whether one is noted, noting it or not from now on unless `set` is nil.
  func early(_ port: UInt32, set: Bool?) -> Bool {
    let frame = frames.early(Int(truncatingIfNeeded: port &>> 15 & 3))
    guard port < EventChannels.fifoPorts, frame != .invalid else { return false }
    let index = Int(truncatingIfNeeded: port &>> 6 & 511)
    let bit = UInt64(1) &<< UInt64(port & 63)
    let seen = PhysicalWindow.load(frame, word: index)
    if let set { PhysicalWindow.store(frame, word: index, set ? seen | bit : seen & ~bit) }
    return seen & bit != 0
  }
}

/// Where things stand in a vCPU's part of our own memory, and in a control block.
enum EventQueueLayout {
  /// A control block for as long as the guest has not named its own.
  static let block = 0
  /// 16 words: the last port of each queue.
  static let tails = 128
  /// The physical address of the control block.
  static let place = 192
  /// The first head in a control block, in 4-byte words.
  static var head: Int { Int(ControlBlockLayout.head) &>> 2 }
}
