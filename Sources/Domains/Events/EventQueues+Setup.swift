// SPDX-License-Identifier: Apache-2.0
// A guest's change to FIFO delivery and back: control blocks and event array pages handed in, and all of it given back.
//
// The guest names frames of its own; each gets a writable use for as long as we write to it, so that it cannot become a page
// table meanwhile. Frames are taken and dropped outside the lock of the queues, which is innermost.
import Frames
import Machine
import XenABI

extension Events {
  /// Takes a control block for a vCPU (EVTCHNOP_init_control); the domain's first one changes it to FIFO delivery.
  ///
  /// - Throws: `noEntry` if there is no such vCPU; `invalid` if the block is not aligned, does not fit its page, the frame
  ///   is not the domain's to write, or the vCPU has one already; `noMemory`.
  public static func initControl(
    _ domain: Ref<Domain>, vcpu id: UInt32, frame: MachineFrame, offset: UInt32
  ) throws(XenError) {
    guard id < 128, let vcpu = domain[].vcpu(index: Int(id)) else { throw .noEntry }
    guard offset & 7 == 0, offset <= 4096 &- UInt32(ControlBlockLayout.size) else { throw .invalid }
    guard PhysicalWindow.contains(frame) else { throw .invalid }
    try domain[].events.bindings.withLock { bindings throws(XenError) in
      guard !bindings.isClosed else { throw .invalid }
      guard ledger[].takeWritable(frame, owner: domain[].id) else { throw .invalid }
      var own = EventQueueFrames()
      let isFirst = !domain[].events.isFIFO
      if isFirst {
        guard own.allocate(vcpus: domain[].maximumVCPUs, ports: bindings.maximumPort) else {
          own.freeOwn()
          ledger[].dropWritable(frame)
          throw .noMemory
        }
      }
      let outcome = domain[].events.queues.withLock { queues in
        if isFirst { queues.frames = own }
        return queues.setControlBlock(vcpu: Int(id), frame: frame, offset: Int(offset))
      }
      switch outcome {
      case .refused:
        ledger[].dropWritable(frame)
        throw .invalid
      case .ready: vcpu.notifyEvent()
      case .idle: break
      }
      if isFirst { domain[].events.delivery.store(1) }
    }
  }

  /// Takes the next page of the event array (EVTCHNOP_expand_array): the words of 1024 more ports. Events that have come for
  /// these meanwhile are raised now.
  ///
  /// - Throws: `notSupported` without FIFO delivery; `noSpace` if the array is complete; `invalid` if the frame is not the
  ///   domain's to write; `noMemory`.
  public static func expandArray(_ domain: Ref<Domain>, frame: MachineFrame) throws(XenError) {
    try domain[].events.bindings.withLock { bindings throws(XenError) in
      guard domain[].events.isFIFO else { throw .notSupported }
      let count = domain[].events.queues.withLock { $0.frames.arrayCount }
      guard count < EventQueueFrames.arrayLimit, count &<< 10 <= Int(bindings.maximumPort) else { throw .noSpace }
      guard PhysicalWindow.contains(frame), ledger[].takeWritable(frame, owner: domain[].id) else { throw .invalid }
      // One frame of origins serves two pages.
      var origins: MachineFrame?
      if count & 1 == 0 {
        origins = ledger[].allocateOwn()
        if origins == nil {
          ledger[].dropWritable(frame)
          throw .noMemory
        }
      }
      domain[].events.queues.withLock { queues in
        if let origins { queues.frames.setOrigins(count &>> 1, origins) }
        queues.frames.setArray(count, frame)
        queues.frames.arrayCount = count &+ 1
      }
      raiseEarly(domain, page: count)
    }
  }

  /// Raises the events that came for ports of a page of the array before it was there.
  static func raiseEarly(_ domain: Ref<Domain>, page: Int) {
    for index in page &<< 4..<(page &+ 1) &<< 4 {
      var bits = domain[].events.queues.withLock { $0.takeEarly(word: index) }
      while bits != 0 {
        let port = UInt32(index &<< 6 &+ bits.trailingZeroBitCount)
        bits &= bits &- 1
        let record = domain[].events.ports[port]
        if record.state != .free { domain.deliver(port, record) }
      }
    }
  }

  /// Ends FIFO delivery, if it is in force: the guest's frames are its own again. Under the domain's lock of rank `events`.
  static func endQueues(_ domain: Ref<Domain>, _ bindings: inout EventBindings) {
    guard domain[].events.isFIFO else { return }
    domain[].events.delivery.store(0)
    let old = domain[].events.queues.withLock { queues in
      let frames = queues.frames
      queues.frames = EventQueueFrames()
      return frames
    }
    for page in 0..<old.arrayCount { ledger[].dropWritable(old.array(page)) }
    for vcpu in 0..<128 where old.covers(vcpu: vcpu) {
      let own = old.vcpus(vcpu &>> 4)
      let place = PhysicalWindow.load(own, word: ((vcpu & 15) &<< 8 &+ EventQueueLayout.place) &>> 3)
      if MachineFrame(physical: place) != own { ledger[].dropWritable(MachineFrame(physical: place)) }
    }
    old.freeOwn()
  }
}

extension EventQueues {
  /// What came of a control block.
  enum ControlBlockOutcome {
    /// The vCPU has one already.
    case refused
    /// Nothing has been queued for it yet.
    case idle
    /// Events were queued before: the vCPU has to be told.
    case ready
  }

  /// Has a vCPU's queues start in a block of the guest's, with what has been queued so far.
  func setControlBlock(vcpu: Int, frame: MachineFrame, offset: Int) -> ControlBlockOutcome {
    let (own, ownOffset) = area(vcpu: vcpu)
    guard controlBlock(vcpu: vcpu).frame == own else { return .refused }
    for word in 1..<ControlBlockLayout.size &>> 2 {
      PhysicalWindow.store32(
        frame, word: offset &>> 2 &+ word, PhysicalWindow.load32(own, word: ownOffset &>> 2 &+ word))
    }
    let ready = PhysicalWindow.load32(own, word: ownOffset &>> 2)
    PhysicalWindow.store32(frame, word: offset &>> 2, ready)
    PhysicalWindow.store(
      own, word: (ownOffset &+ EventQueueLayout.place) &>> 3, frame.physical | UInt64(truncatingIfNeeded: offset))
    return ready == 0 ? .idle : .ready
  }

  /// Takes 64 bits of early events, those of ports from `word * 64` on.
  func takeEarly(word: Int) -> UInt64 {
    let frame = frames.early(word &>> 9 & 3)
    guard frame != .invalid else { return 0 }
    let bits = PhysicalWindow.load(frame, word: word & 511)
    PhysicalWindow.store(frame, word: word & 511, 0)
    return bits
  }
}
