// SPDX-License-Identifier: Apache-2.0
// Ports coming into use and going out of it. Everything here is done under the domain's lock of rank `events`; the functions
// take its state as proof.
import Frames
import Machine
import XenABI

extension Ref where T == Domain {
  /// Finds a free port, the lowest that can be had, and gives it `record`. More room for records is made as needed.
  ///
  /// - Throws: `noSpace` if the domain has as many ports as it may; `noMemory`; `invalid` if it is being destroyed.
  func allocatePort(_ bindings: inout EventBindings, _ record: PortRecord) throws(XenError) -> UInt32 {
    guard !bindings.isClosed else { throw .invalid }
    let addressable = self[].events.isFIFO ? EventChannels.fifoPorts : EventChannels.twoLevelPorts
    let limit = min(bindings.maximumPort, addressable &- 1)
    let perPage = PagedTable<PortRecord>.perFrame
    var page = bindings.firstFreePage
    // Only a guest that keeps freed ports in its queues makes us look at many; it waits no longer than this for it.
    var patience = 8192
    while page &* perPage < self[].events.ports.count, page &* perPage <= Int(limit) {
      if bindings.freePorts[page] == 0 {
        if page == bindings.firstFreePage { bindings.firstFreePage = page &+ 1 }
        page &+= 1
        continue
      }
      for index in page &* perPage..<(page &+ 1) &* perPage {
        patience &-= 1
        guard patience > 0, index <= Int(limit) else { throw .noSpace }
        guard self[].events.ports[index].state == .free, !isStillQueued(UInt32(index)) else { continue }
        self[].events.ports[index] = record
        bindings.freePorts[page] &-= 1
        return UInt32(index)
      }
      page &+= 1
    }
    let first = self[].events.ports.count
    guard first <= Int(limit) else { throw .noSpace }
    guard let frame = ledger[].allocateOwn() else { throw .noMemory }
    guard self[].events.ports.grow(by: frame, initial: .free) else {
      ledger[].freeOwn(frame)
      throw .noSpace
    }
    page = first / perPage
    bindings.freePorts[page] = UInt16(truncatingIfNeeded: perPage)
    guard let index = (first..<first &+ perPage).first(where: { $0 <= Int(limit) && !isStillQueued(UInt32($0)) }) else {
      throw .noSpace
    }
    self[].events.ports[index] = record
    bindings.freePorts[page] &-= 1
    return UInt32(index)
  }

  /// Whether the guest's old events of a free port still stand in one of its queues: it would get events of a new owner in
  /// the place of the old.
  func isStillQueued(_ port: UInt32) -> Bool {
    self[].events.isFIFO && self[].events.queues.withLock { $0.isLinked(port) }
  }

  /// Puts a port out of use. Its pending event, if any, is gone; its vCPU and priority are the default again.
  func freePort(_ bindings: inout EventBindings, _ port: UInt32) {
    let index = Int(truncatingIfNeeded: port)
    guard index < self[].events.ports.count, self[].events.ports[index].state != .free else { return }
    self[].events.ports[index] = .free
    let page = index / PagedTable<PortRecord>.perFrame
    bindings.freePorts[page] &+= 1
    bindings.firstFreePage = min(bindings.firstFreePage, page)
    clearPending(port)
  }
}
