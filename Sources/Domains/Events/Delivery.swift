// SPDX-License-Identifier: Apache-2.0
// Events reaching a domain: the pending bits, and the vCPU that is told of them.
//
// Two-level delivery keeps a pending and a mask bit for each port in the shared page, and in `vcpu_info` a selector with a bit
// for each word of pending bits. FIFO delivery is in EventQueues.swift. Both are only atomic operations on memory that the
// guest writes too: nothing in it is trusted, and a guest that spoils it loses events of its own.
import Machine
import XenABI

extension Ref where T == Domain {
  /// Makes a port's event pending and, if it is not masked, tells its vCPU. The caller holds the lock under which the port
  /// stays bound: the domain's own, or that of the domain at the other end.
  @inline(__always)
  func deliver(_ port: UInt32, _ record: PortRecord) {
    if self[].events.isFIFO {
      deliverQueued(port, record)
      return
    }
    guard port < EventChannels.twoLevelPorts else { return }
    let shared = self[].sharedInfo
    let word = Int(truncatingIfNeeded: port &>> 6)
    let bit = UInt64(1) &<< UInt64(port & 63)
    if PhysicalWindow.fetchOr(shared, word: SharedInfoLayout.eventPending &>> 3 &+ word, bit) & bit != 0 { return }
    if PhysicalWindow.load(shared, word: SharedInfoLayout.eventMask &>> 3 &+ word) & bit == 0 {
      notify(vcpu: record.vcpu, word: word)
    }
    // The pending bit was set by a locked operation, so a vCPU that is not seen polling here sees the bit.
    if !self[].events.pollers.load().isEmpty { wakePollers(of: port) }
  }

  /// Sets the bit of a word of pending bits in a vCPU's selector, and tells the vCPU if it was not set.
  @inline(__always)
  func notify(vcpu: Int, word: Int) {
    guard let vcpu = self[].vcpu(index: vcpu) else { return }
    if !vcpu[].info.setSelector(word) { vcpu.notifyEvent() }
  }

  @inline(never)
  func deliverQueued(_ port: UInt32, _ record: PortRecord) {
    let outcome = self[].events.queues.withLock { $0.raise(port, queue: record.queue) }
    if outcome.notify, let vcpu = self[].vcpu(index: record.vcpu) { vcpu.notifyEvent() }
    if outcome.wasIdle && !self[].events.pollers.load().isEmpty { wakePollers(of: port) }
  }

  /// Takes a port's mask away and, if its event is pending, tells its vCPU. Under the domain's lock.
  func unmask(_ port: UInt32, _ record: PortRecord) {
    if self[].events.isFIFO {
      let notify = self[].events.queues.withLock { $0.unmask(port, queue: record.queue) }
      if notify, let vcpu = self[].vcpu(index: record.vcpu) { vcpu.notifyEvent() }
      return
    }
    guard port < EventChannels.twoLevelPorts else { return }
    let shared = self[].sharedInfo
    let word = Int(truncatingIfNeeded: port &>> 6)
    let bit = UInt64(1) &<< UInt64(port & 63)
    let masked = PhysicalWindow.fetchAnd(shared, word: SharedInfoLayout.eventMask &>> 3 &+ word, ~bit) & bit != 0
    if masked, PhysicalWindow.load(shared, word: SharedInfoLayout.eventPending &>> 3 &+ word) & bit != 0 {
      notify(vcpu: record.vcpu, word: word)
    }
  }

  /// Whether a port's event is pending.
  func isPending(_ port: UInt32) -> Bool {
    if self[].events.isFIFO { return self[].events.queues.withLock { $0.isPending(port) } }
    guard port < EventChannels.twoLevelPorts else { return false }
    let word = SharedInfoLayout.eventPending &>> 3 &+ Int(truncatingIfNeeded: port &>> 6)
    return PhysicalWindow.load(self[].sharedInfo, word: word) &>> UInt64(port & 63) & 1 != 0
  }

  /// Whether the guest has masked a port.
  func isMasked(_ port: UInt32) -> Bool {
    if self[].events.isFIFO { return self[].events.queues.withLock { $0.isMasked(port) } }
    guard port < EventChannels.twoLevelPorts else { return true }
    let word = SharedInfoLayout.eventMask &>> 3 &+ Int(truncatingIfNeeded: port &>> 6)
    return PhysicalWindow.load(self[].sharedInfo, word: word) &>> UInt64(port & 63) & 1 != 0
  }

  /// Forgets a port's pending event.
  func clearPending(_ port: UInt32) {
    if self[].events.isFIFO {
      self[].events.queues.withLock { $0.clearPending(port) }
    } else if port < EventChannels.twoLevelPorts {
      let word = SharedInfoLayout.eventPending &>> 3 &+ Int(truncatingIfNeeded: port &>> 6)
      PhysicalWindow.fetchAnd(self[].sharedInfo, word: word, ~(UInt64(1) &<< UInt64(port & 63)))
    }
  }
}
