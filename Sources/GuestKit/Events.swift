// SPDX-License-Identifier: Apache-2.0
//
// Event channels: the hypercall, the two-level bitmaps of the shared page, and the upcall. By default an upcall counts
// each pending port and clears it; a guest may install its own handler.

import CGuestKit

/// Called for each pending port instead of plain counting.
public var eventHandler: ((UInt32, UInt64) -> Void)? = nil
/// Called for the whole upcall instead of the two-level scan (for FIFO guests). The argument is the vCPU.
public var upcallHandler: ((UInt64) -> Void)? = nil

private var counts: InlineArray<256, UInt32> = InlineArray(repeating: 0)
private var upcalls: UInt64 = 0
/// The vCPU that each port is bound to: the bitmaps are shared, so each vCPU must leave the others' ports alone.
private var owners: InlineArray<256, UInt8> = InlineArray(repeating: 0)

/// Event channels.
public enum Events {
  /// The upcalls received on any vCPU.
  public static var upcallCount: UInt64 { upcalls }
  /// How often `port` was delivered.
  public static func count(_ port: UInt32) -> UInt32 { counts[Int(port & 255)] }
  /// Forgets all counts.
  public static func resetCounts() {
    for index in 0..<256 { counts[index] = 0 }
    upcalls = 0
  }

  /// EVTCHNOP_*; the argument is the matching structure of event_channel.h.
  public static func operate<Argument>(_ command: Int32, _ argument: inout Argument) -> Int {
    hypercall(__HYPERVISOR_event_channel_op, command, &argument)
  }

  /// EVTCHNOP_send.
  public static func send(_ port: UInt32) -> Int {
    var request = evtchn_send(port: port)
    return operate(EVTCHNOP_send, &request)
  }
  /// EVTCHNOP_close.
  public static func close(_ port: UInt32) -> Int {
    var request = evtchn_close(port: port)
    return operate(EVTCHNOP_close, &request)
  }
  /// EVTCHNOP_unmask: clears the mask bit and delivers what waited.
  public static func unmaskByHypercall(_ port: UInt32) -> Int {
    var request = evtchn_unmask(port: port)
    return operate(EVTCHNOP_unmask, &request)
  }
  /// A port bound to `virq` on `vcpu`, or an error.
  public static func bindVIRQ(_ virq: Int32, vcpu: UInt32 = 0) -> (result: Int, port: UInt32) {
    var request = evtchn_bind_virq(virq: UInt32(bitPattern: virq), vcpu: vcpu, port: 0)
    let result = operate(EVTCHNOP_bind_virq, &request)
    if result == 0 { owners[Int(request.port & 255)] = UInt8(truncatingIfNeeded: vcpu) }
    return (result, request.port)
  }
  /// A port for interprocessor events to `vcpu`, or an error.
  public static func bindIPI(vcpu: UInt32) -> (result: Int, port: UInt32) {
    var request = evtchn_bind_ipi(vcpu: vcpu, port: 0)
    let result = operate(EVTCHNOP_bind_ipi, &request)
    if result == 0 { owners[Int(request.port & 255)] = UInt8(truncatingIfNeeded: vcpu) }
    return (result, request.port)
  }
  /// A connected pair of ports, both of this domain.
  public static func loop() throws(Failure) -> (listener: UInt32, connected: UInt32) {
    var unbound = evtchn_alloc_unbound(dom: selfDomain, remote_dom: selfDomain, port: 0)
    try expect("alloc_unbound", operate(EVTCHNOP_alloc_unbound, &unbound), 0)
    var bind = evtchn_bind_interdomain(remote_dom: selfDomain, remote_port: unbound.port, local_port: 0)
    try expect("bind_interdomain", operate(EVTCHNOP_bind_interdomain, &bind), 0)
    return (unbound.port, bind.local_port)
  }
  /// (result, EVTCHNSTAT_*, vcpu, first word of the union).
  public static func status(_ port: UInt32, domain: UInt16 = selfDomain) -> (
    result: Int, status: UInt32, vcpu: UInt32, detail: UInt32, detailPort: UInt32
  ) {
    var words: InlineArray<6, UInt32> = InlineArray(repeating: 0)
    words[0] = UInt32(domain)
    words[1] = port
    let result = operate(EVTCHNOP_status, &words)
    return (result, words[2], words[3], words[4], words[5])
  }

  /// Bits of the shared page.
  public static func isPending(_ port: UInt32) -> Bool {
    Memory.load64(SharedInfo.pending + UInt64(port / 64) * 8) >> UInt64(port % 64) & 1 == 1
  }
  /// Clears the pending bit.
  public static func clearPending(_ port: UInt32) {
    _ = gk_fetch_and64(SharedInfo.pending + UInt64(port / 64) * 8, ~(1 << UInt64(port % 64)))
  }
  /// Sets the mask bit.
  public static func mask(_ port: UInt32) {
    _ = gk_fetch_or64(SharedInfo.mask + UInt64(port / 64) * 8, 1 << UInt64(port % 64))
  }
  /// Clears the mask bit without looking for what waits.
  public static func unmask(_ port: UInt32) {
    _ = gk_fetch_and64(SharedInfo.mask + UInt64(port / 64) * 8, ~(1 << UInt64(port % 64)))
  }

  /// Lets upcalls in on this vCPU and takes those that wait.
  public static func enable() {
    let info = SharedInfo.vcpu(currentVCPU)
    Memory.store8(info + 1, 0)
    if Memory.load8(info) != 0 { hypercall(__HYPERVISOR_xen_version, 0) }
  }
  /// Keeps upcalls out on this vCPU.
  public static func disable() { Memory.store8(SharedInfo.vcpu(currentVCPU) + 1, 1) }
  /// Whether upcalls are kept out on this vCPU.
  public static var areMasked: Bool { Memory.load8(SharedInfo.vcpu(currentVCPU) + 1) != 0 }

  /// Scans the two-level bitmaps as an upcall does.
  static func dispatch(_ vcpu: UInt64) {
    upcalls &+= 1
    if let handler = upcallHandler {
      handler(vcpu)
      return
    }
    let info = SharedInfo.vcpu(vcpu)
    Memory.store8(info, 0)
    var selector = gk_exchange64(info + 8, 0)
    while selector != 0 {
      let word = UInt64(selector.trailingZeroBitCount)
      selector &= selector &- 1
      while true {
        var ready = Memory.load64(SharedInfo.pending + word * 8) & ~Memory.load64(SharedInfo.mask + word * 8)
        var port = UInt32(word) * 64
        while ready != 0 {
          port = UInt32(word) * 64 + UInt32(ready.trailingZeroBitCount)
          if owners[Int(port & 255)] == UInt8(truncatingIfNeeded: vcpu) { break }
          ready &= ready &- 1
        }
        if ready == 0 { break }
        clearPending(port)
        if port < 256 { counts[Int(port)] &+= 1 }
        if let handler = eventHandler { handler(port, vcpu) }
      }
    }
  }

  /// Waits with upcalls enabled until `port` was delivered `times` times; false after `limit` nanoseconds.
  public static func wait(_ port: UInt32, times: UInt32 = 1, limit: UInt64 = 2_000_000_000) -> Bool {
    let deadline = Time.system() &+ limit
    enable()
    while count(port) < times {
      if Time.system() > deadline { return false }
      hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
      enable()
    }
    return true
  }
}
