// SPDX-License-Identifier: Apache-2.0
// A guest kernel as the tests play it: it makes hypercalls through its own memory, and takes events out of the shared page or
// its queues the way that Linux does.
import CXenABI
import Domains
import Hypercalls
import Machine
import SimulatedMachine
import XenABI

final class Guest {
  static let pendingBit: UInt32 = 1 << 31
  static let maskedBit: UInt32 = 1 << 30
  static let linkedBit: UInt32 = 1 << 29
  static let busyBit: UInt32 = 1 << 28

  let world: SimulatedMachine
  let domain: Ref<Domain>
  /// Where it keeps the arguments of hypercalls: an address, and the frame behind it.
  let buffer: UInt64
  let frame: MachineFrame
  /// FIFO: event array, control blocks by vCPU, and for each queue what the guest has of it.
  var array: [MachineFrame] = []
  var blocks: [MachineFrame] = []
  var heads: [UInt32] = []
  var ready: [UInt32] = []

  init(_ world: SimulatedMachine, _ domain: Ref<Domain>) {
    self.world = world
    self.domain = domain
    buffer = 0x4000_0000 + UInt64(domain[].id.raw) << 20
    frame = world.guestFrame(domain)
    world.map(buffer, frame)
  }

  func vcpu(_ index: Int) -> Ref<VCPU> { domain[].vcpu(index: index)! }

  // ---- Hypercalls: 32-bit words (or 16-bit pairs) in, the result and the words out ----

  @discardableResult
  func call(_ operation: EventChannelOperation, _ words: [UInt32]) -> Int64 {
    for (index, word) in words.enumerated() { PhysicalWindow.store32(frame, word: index, word) }
    return world.call(vcpu(0), __HYPERVISOR_event_channel_op, [operation.rawValue, buffer])
  }
  func result(_ index: Int) -> UInt32 { PhysicalWindow.load32(frame, word: index) }

  func bound(_ result: Int64, at index: Int) -> Int { result == 0 ? Int(self.result(index)) : Int(result) }

  func allocateUnbound(_ remote: Int, of dom: UInt32 = 0x7ff0) -> Int {
    bound(call(.allocateUnbound, [dom | UInt32(remote) << 16, 0]), at: 1)
  }
  func connect(_ remote: Int, _ port: Int) -> Int {
    bound(call(.bindInterdomain, [UInt32(remote), UInt32(port), 0]), at: 2)
  }
  func bindVIRQ(_ virq: Int, _ vcpu: Int) -> Int { bound(call(.bindVIRQ, [UInt32(virq), UInt32(vcpu), 0]), at: 2) }
  func bindIPI(_ vcpu: Int) -> Int { bound(call(.bindIPI, [UInt32(vcpu), 0]), at: 1) }
  func close(_ port: Int) -> Int { Int(call(.close, [UInt32(port)])) }
  func send(_ port: Int) -> Int { Int(call(.send, [UInt32(port)])) }
  func unmask(_ port: Int) -> Int { Int(call(.unmask, [UInt32(port)])) }
  func bindVCPU(_ port: Int, _ vcpu: Int) -> Int { Int(call(.bindVCPU, [UInt32(port), UInt32(vcpu)])) }
  func setPriority(_ port: Int, _ priority: Int) -> Int { Int(call(.setPriority, [UInt32(port), UInt32(priority)])) }
  func reset() -> Int { Int(call(.reset, [0x7ff0])) }

  func status(_ port: Int) -> ModelPort? {
    guard call(.status, [0x7ff0, UInt32(port), 9, 9, 0, 0]) == 0 else { return nil }
    var record = ModelPort(state: Int(result(2)), vcpu: Int(result(3)))
    switch record.state {
    case 1: record.domain = Int(result(4) & 0xffff)
    case 2: (record.domain, record.number) = (Int(result(4) & 0xffff), Int(result(5)))
    case 3, 4: record.number = Int(result(4))
    default: break
    }
    return record
  }

  // ---- FIFO ----

  /// Changes to FIFO delivery with so many pages in the array.
  func useFIFO(pages: Int = 1) -> Int64 {
    heads = Array(repeating: 0, count: 16 * domain[].maximumVCPUs)
    ready = Array(repeating: 0, count: domain[].maximumVCPUs)
    blocks = []
    array = []
    for vcpu in 0..<domain[].maximumVCPUs {
      let result = initControl(vcpu)
      if result != 0 { return result }
    }
    for _ in 0..<pages {
      let result = expand()
      if result != 0 { return result }
    }
    return 0
  }

  func initControl(_ vcpu: Int) -> Int64 {
    let block = world.guestFrame(domain)
    blocks.append(block)
    return call(.initControl, [UInt32(block.number), 0, 0, UInt32(vcpu), 0, 0])
  }

  func expand() -> Int64 {
    let page = world.guestFrame(domain)
    let result = call(.expandArray, [UInt32(page.number), 0])
    if result == 0 { array.append(page) }
    return result
  }

  func word(_ port: Int) -> UInt32 { PhysicalWindow.load32(array[port >> 10], word: port & 1023) }
  func setBits(_ port: Int, _ bits: UInt32) { PhysicalWindow.fetchOr32(array[port >> 10], word: port & 1023, bits) }
  func clearBits(_ port: Int, _ bits: UInt32) {
    PhysicalWindow.fetchAnd32(array[port >> 10], word: port & 1023, ~bits)
  }

  /// One turn of the loop over ready queues: the port taken off, and whether it was handled; nil when nothing is ready.
  func consumeOne(_ vcpu: Int) -> (port: Int, isHandled: Bool)? {
    ready[vcpu] |= exchangeReady(vcpu)
    guard ready[vcpu] != 0 else { return nil }
    let priority = ready[vcpu].trailingZeroBitCount
    let queue = vcpu * 16 + priority
    if heads[queue] == 0 { heads[queue] = PhysicalWindow.load32(blocks[vcpu], word: 2 + priority) }
    let port = Int(heads[queue])
    guard port >> 10 < array.count else {
      // Only a spoiled queue gets here.
      heads[queue] = 0
      ready[vcpu] &= ~(1 << UInt32(priority))
      return (port, false)
    }
    let old = PhysicalWindow.fetchAnd32(array[port >> 10], word: port & 1023, ~(Guest.linkedBit | 0x1_ffff))
    let next = old & 0x1_ffff
    if next == 0 { ready[vcpu] &= ~(1 << UInt32(priority)) }
    heads[queue] = next
    let word = word(port)
    guard word & Guest.pendingBit != 0, word & Guest.maskedBit == 0 else { return (port, false) }
    clearBits(port, Guest.pendingBit)
    return (port, true)
  }

  func exchangeReady(_ vcpu: Int) -> UInt32 {
    let seen = PhysicalWindow.fetchAnd32(blocks[vcpu], word: 0, 0)
    return seen
  }

  // ---- Both ways ----

  func isPending(_ port: Int) -> Bool {
    if !array.isEmpty { return word(port) & Guest.pendingBit != 0 }
    let word = SharedInfoLayout.eventPending / 8 + port / 64
    return PhysicalWindow.load(domain[].sharedInfo, word: word) >> UInt64(port % 64) & 1 != 0
  }

  func mask(_ port: Int) {
    if !array.isEmpty { return setBits(port, Guest.maskedBit) }
    PhysicalWindow.fetchOr(
      domain[].sharedInfo, word: SharedInfoLayout.eventMask / 8 + port / 64, 1 << UInt64(port % 64))
  }

  func clearPending(_ port: Int) {
    if !array.isEmpty { return clearBits(port, Guest.pendingBit) }
    PhysicalWindow.fetchAnd(
      domain[].sharedInfo, word: SharedInfoLayout.eventPending / 8 + port / 64, ~(1 << UInt64(port % 64)))
  }

  func hasUpcall(_ vcpu: Int) -> Bool { self.vcpu(vcpu)[].info.isPending }

  func clearUpcall(_ vcpu: Int) {
    let info = self.vcpu(vcpu)[].info
    PhysicalWindow.store8(info.frame, byte: info.offset + VCPUInfoLayout.upcallPending, 0)
  }

  /// The words that a vCPU's selector names, as bits, which it gives up.
  func takeSelector(_ vcpu: Int) -> UInt64 {
    let info = self.vcpu(vcpu)[].info
    return PhysicalWindow.exchange(info.frame, word: (info.offset + VCPUInfoLayout.pendingSelector) / 8, 0)
  }
  func selector(_ vcpu: Int) -> UInt64 {
    let info = self.vcpu(vcpu)[].info
    return PhysicalWindow.load(info.frame, word: (info.offset + VCPUInfoLayout.pendingSelector) / 8)
  }
}
