// SPDX-License-Identifier: Apache-2.0
// Which frames the queues of FIFO delivery are made of: the guest's event array, and our own.
import Frames
import Machine
import XenABI

/// The frames of one domain's queues, listed in a frame; `.invalid` where there is none.
struct EventQueueFrames: BitwiseCopyable {
  /// The most pages that an event array has.
  static let arrayLimit = 128

  /// The list: numbers of frames plus one, so that zero means none. `.invalid` without FIFO delivery.
  var directory = MachineFrame.invalid
  /// How many pages the event array has.
  var arrayCount = 0

  @inline(__always)
  private func entry(_ index: Int) -> MachineFrame { MachineFrame(PhysicalWindow.load(directory, word: index) &- 1) }

  private func setEntry(_ index: Int, _ frame: MachineFrame) {
    PhysicalWindow.store(directory, word: index, frame.number &+ 1)
  }

  // The list: 128 pages of the array, 64 frames of origins, 8 of vCPUs, 4 of early events.

  /// A page of the guest's event array, below `arrayCount`: 1024 words in each. We hold a writable use of each.
  @inline(__always)
  func array(_ index: Int) -> MachineFrame { entry(index & 127) }
  func setArray(_ index: Int, _ frame: MachineFrame) { setEntry(index & 127, frame) }

  /// Ours: for each port the number of the queue that it was last put into plus one, 2048 in each frame.
  @inline(__always)
  func origins(_ index: Int) -> MachineFrame { entry(128 &+ index & 63) }
  func setOrigins(_ index: Int, _ frame: MachineFrame) { setEntry(128 &+ index & 63, frame) }

  /// Ours: what belongs to vCPUs, 16 in each frame.
  @inline(__always)
  func vcpus(_ index: Int) -> MachineFrame { entry(192 &+ index & 7) }

  /// Ours: bits of events that came before the port had its word, 32768 in each frame.
  func early(_ index: Int) -> MachineFrame { directory == .invalid ? .invalid : entry(200 &+ index & 3) }

  /// Whether the vCPU has a part.
  func covers(vcpu: Int) -> Bool { vcpu >= 0 && vcpu < 128 && vcpus(vcpu &>> 4) != .invalid }

  /// Gets our own frames for so many vCPUs and ports up to a number. False without memory: `freeOwn` then gives back what
  /// there is.
  mutating func allocate(vcpus count: Int, ports highest: UInt32) -> Bool {
    guard let list = ledger[].allocateOwn() else { return false }
    directory = list
    for index in 0...(max(1, min(count, 128)) &- 1) &>> 4 {
      guard let frame = ledger[].allocateOwn() else { return false }
      setEntry(192 &+ index, frame)
      // Each control block is our own at first.
      for vcpu in 0..<16 {
        PhysicalWindow.store(
          frame, word: (vcpu &<< 8 &+ EventQueueLayout.place) &>> 3,
          frame.physical | UInt64(vcpu &<< 8 &+ EventQueueLayout.block))
      }
    }
    for index in 0...Int(min(highest, EventChannels.fifoPorts &- 1) &>> 15) {
      guard let frame = ledger[].allocateOwn() else { return false }
      setEntry(200 &+ index, frame)
    }
    return true
  }

  /// Gives back our own frames.
  func freeOwn() {
    guard directory != .invalid else { return }
    for index in 128..<204 where entry(index) != .invalid { ledger[].freeOwn(entry(index)) }
    ledger[].freeOwn(directory)
  }
}
