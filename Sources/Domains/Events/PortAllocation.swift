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
    let perPage = PortTable.perFrame
    var page = bindings.firstFreePage
    // Only a guest that keeps freed ports in its queues makes us look at many; it waits no longer than this for it.
    var patience = 8192
    while page &* perPage < self[].events.ports.count, page &* perPage <= Int(limit) {
      if bindings.freePorts(page: page) == 0 {
        if page == bindings.firstFreePage { bindings.firstFreePage = page &+ 1 }
        page &+= 1
        continue
      }
      if let port = try firstFreePort(page, limit, &patience) {
        self[].events.ports[port] = record
        bindings.setFreePorts(page: page, bindings.freePorts(page: page) &- 1)
        return port
      }
      page &+= 1
    }
    let count = self[].events.ports.count
    guard count <= Int(limit) else { throw .noSpace }
    page = count / perPage
    let free = bindings.freePorts(page: page) &+ (try self[].events.ports.grow())
    bindings.setFreePorts(page: page, free)
    bindings.firstFreePage = min(bindings.firstFreePage, page)
    guard let port = try firstFreePort(page, limit, &patience) else { throw .noSpace }
    self[].events.ports[port] = record
    bindings.setFreePorts(page: page, free &- 1)
    return port
  }

  /// The first port of a frame of records that can be had; nil if there is none.
  ///
  /// - Throws: `noSpace` at the end of `limit` or `patience`.
  func firstFreePort(_ page: Int, _ limit: UInt32, _ patience: inout Int) throws(XenError) -> UInt32? {
    let first = UInt32(truncatingIfNeeded: page &* PortTable.perFrame)
    // The last frame of records may be one of few.
    let end = min(first &+ UInt32(PortTable.perFrame), UInt32(truncatingIfNeeded: self[].events.ports.count))
    guard first < end else { return nil }
    for port in first..<end {
      patience &-= 1
      guard patience > 0, port <= limit else { throw .noSpace }
      if self[].events.ports[port].state == .free && !isStillQueued(port) { return port }
    }
    return nil
  }

  /// Whether the guest's old events of a free port still stand in one of its queues: it would get events of a new owner in
  /// the place of the old.
  func isStillQueued(_ port: UInt32) -> Bool {
    self[].events.isFIFO && self[].events.queues.withLock { $0.isLinked(port) }
  }

  /// Puts a port out of use. Its pending event, if any, is gone; its vCPU and priority are the default again.
  func freePort(_ bindings: inout EventBindings, _ port: UInt32) {
    guard self[].events.ports[port].state != .free else { return }
    self[].events.ports[port] = .free
    let page = Int(truncatingIfNeeded: port) / PortTable.perFrame
    bindings.setFreePorts(page: page, bindings.freePorts(page: page) &+ 1)
    bindings.firstFreePage = min(bindings.firstFreePage, page)
    clearPending(port)
  }
}
