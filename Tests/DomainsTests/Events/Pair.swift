// SPDX-License-Identifier: Apache-2.0
// The real event channels and the model, driven by the same operations and compared after them.
import Domains
import Machine
import SimulatedMachine
import Testing
import XenABI

/// One step of a test. Domains are named by index.
enum Step {
  case allocate(Int, remote: Int)
  case connect(Int, to: Int, port: Int)
  case virq(Int, Int, vcpu: Int)
  case ipi(Int, vcpu: Int)
  case close(Int, Int)
  case send(Int, Int)
  case vcpu(Int, Int, vcpu: Int)
  case priority(Int, Int, Int)
  case mask(Int, Int)
  case unmask(Int, Int)
  case raise(Int, virq: Int, vcpu: Int)
  /// The guest takes events at one vCPU: so many turns.
  case consume(Int, vcpu: Int, turns: Int)
  case poll(Int, vcpu: Int, ports: [Int])
  case reset(Int)
}

/// Two guests and their models.
final class Pair {
  let guests: [Guest]
  let model = Model()
  let models: [ModelDomain]
  let ports: Int
  let ids = [3, 9]
  /// Text of what did not agree, or nil.
  var disagreement: String?

  init(_ world: SimulatedMachine, vcpus: Int = 2, ports: Int = 6, isFIFO: Bool = false) {
    self.ports = ports
    guests = ids.map { Guest(world, world.makeDomain(UInt16($0), vcpus: vcpus, maximumPort: UInt32(ports))) }
    models = ids.map { ModelDomain(id: $0, vcpus: vcpus, limit: ports) }
    for (id, one) in zip(ids, models) { model.domains[id] = one }
    if isFIFO { useFIFO() }
  }

  func useFIFO() {
    for index in guests.indices {
      #expect(guests[index].useFIFO() == 0)
      models[index].isFIFO = true
    }
  }

  func expect(_ what: @autoclosure () -> String, _ real: Int, _ wanted: Int) {
    if real != wanted, disagreement == nil { disagreement = "\(what()): got \(real), wanted \(wanted)" }
  }

  func run(_ step: Step) {
    let text = { "\(step)" }
    switch step {
    case .allocate(let d, let remote):
      let wanted = model.allocate(models[d], ModelPort(state: 1, domain: ids[remote]))
      expect(text(), guests[d].allocateUnbound(ids[remote]), wanted)
    case .connect(let d, let to, let port):
      let wanted = model.connect(models[d], to: models[to], port)
      expect(text(), guests[d].connect(ids[to], port), wanted)
    case .virq(let d, let virq, let vcpu):
      expect(text(), guests[d].bindVIRQ(virq, vcpu), model.bindVIRQ(models[d], virq, vcpu))
    case .ipi(let d, let vcpu): expect(text(), guests[d].bindIPI(vcpu), model.bindIPI(models[d], vcpu))
    case .close(let d, let port): expect(text(), guests[d].close(port), model.close(models[d], port))
    case .send(let d, let port): expect(text(), guests[d].send(port), model.send(models[d], port))
    case .vcpu(let d, let port, let vcpu):
      expect(text(), guests[d].bindVCPU(port, vcpu), model.bindVCPU(models[d], port, vcpu))
    case .priority(let d, let port, let priority):
      expect(text(), guests[d].setPriority(port, priority), model.setPriority(models[d], port, priority))
    case .mask(let d, let port):
      guests[d].mask(port)
      models[d].masked.insert(port)
    case .unmask(let d, let port):
      expect(text(), guests[d].unmask(port), 0)
      models[d].unmask(port)
    case .raise(let d, let virq, let vcpu):
      if [0, 1, 7, 13].contains(virq) {
        Events.raise(virq: UInt32(virq), vcpu: guests[d].vcpu(vcpu))
      } else {
        Events.raiseGlobal(virq: UInt32(virq), domain: guests[d].domain)
      }
      model.raiseVIRQ(models[d], virq, vcpu)
    case .consume(let d, let vcpu, let turns): consume(d, vcpu, turns)
    case .poll(let d, let vcpu, let list):
      let single = list.count == 1 ? EventPort(UInt32(list[0])) : nil
      guests[d].vcpu(vcpu)[].holds.fetchOr(VCPUHold.blocked)
      Events.startPolling(guests[d].vcpu(vcpu), port: single)
      // Several ports: any event wakes, and the vCPU looks again.
      models[d].polls[vcpu] = Set(single == nil ? Array(1...ports) : list)
    case .reset(let d):
      expect(text(), guests[d].reset(), 0)
      model.closeAll(models[d])
      if models[d].isFIFO {
        let one = models[d]
        (one.pending, one.masked, one.linked) = ([], [], [])
        one.queues = one.queues.map { _ in [] }
        for vcpu in 0..<one.vcpus { (one.ready[vcpu], one.seen[vcpu]) = ([], []) }
        one.isFIFO = false
        guests[d].array = []
        // The shared page's bits count again; the model starts with a clean page, so does the guest.
        wipe(d)
      }
    }
  }

  /// Clears everything in the shared page that says of events.
  func wipe(_ d: Int) {
    for vcpu in 0..<models[d].vcpus {
      guests[d].clearUpcall(vcpu)
      _ = guests[d].takeSelector(vcpu)
      models[d].upcall[vcpu] = false
      models[d].ready[vcpu] = []
    }
    for word in 0..<64 {
      PhysicalWindow.store(guests[d].domain[].sharedInfo, word: SharedInfoLayout.eventPending / 8 + word, 0)
      PhysicalWindow.store(guests[d].domain[].sharedInfo, word: SharedInfoLayout.eventMask / 8 + word, 0)
    }
    models[d].pending = []
    models[d].masked = []
  }

  func consume(_ d: Int, _ vcpu: Int, _ turns: Int) {
    let (guest, one) = (guests[d], models[d])
    guest.clearUpcall(vcpu)
    one.upcall[vcpu] = false
    guard one.isFIFO else {
      // Two-level: everything the selector names, all at once.
      var handled: [Int] = []
      let words = guest.takeSelector(vcpu)
      for port in 1...ports where words >> UInt64(port / 64) & 1 != 0 && guest.isPending(port) {
        if one.masked.contains(port) { continue }
        guest.clearPending(port)
        handled.append(port)
      }
      let wanted = (1...ports).filter {
        one.ready[vcpu].contains($0 / 64) && one.pending.contains($0) && !one.masked.contains($0)
      }
      one.ready[vcpu] = []
      one.pending.subtract(wanted)
      if handled != wanted, disagreement == nil { disagreement = "handled \(handled), wanted \(wanted)" }
      return
    }
    for _ in 0..<turns {
      one.seen[vcpu].formUnion(one.ready[vcpu])
      one.ready[vcpu] = []
      let real = guest.consumeOne(vcpu)
      guard let priority = one.seen[vcpu].min() else {
        if real != nil, disagreement == nil { disagreement = "took \(real!) from empty queues" }
        return
      }
      let port = one.queues[vcpu * 16 + priority].removeFirst()
      one.linked.remove(port)
      if one.queues[vcpu * 16 + priority].isEmpty { one.seen[vcpu].remove(priority) }
      let isHandled = one.pending.contains(port) && !one.masked.contains(port)
      if isHandled { one.pending.remove(port) }
      if real == nil || real! != (port, isHandled), disagreement == nil {
        disagreement = "took \(String(describing: real)), wanted \((port, isHandled))"
      }
    }
  }

  /// Holds everything that a guest can see against the model.
  func compare() {
    for (guest, one) in zip(guests, models) {
      for port in 0...ports {
        var wanted = one.ports[port]
        if let real = guest.status(port) {
          wanted.priority = 7
          if wanted.state == 5 { wanted.number = 0 }
          if real != wanted, disagreement == nil {
            disagreement = "domain \(one.id) port \(port): is \(real), wanted \(wanted)"
          }
        } else if disagreement == nil {
          disagreement = "no status of port \(port)"
        }
        if port > 0 {
          expect("pending \(one.id).\(port)", guest.isPending(port) ? 1 : 0, one.pending.contains(port) ? 1 : 0)
        }
        if one.isFIFO, port > 0 {
          expect(
            "linked \(one.id).\(port)", guest.word(port) & Guest.linkedBit != 0 ? 1 : 0,
            one.linked.contains(port) ? 1 : 0)
          expect("busy \(one.id).\(port)", Int(guest.word(port) & Guest.busyBit), 0)
        }
      }
      for vcpu in 0..<one.vcpus {
        expect("upcall \(one.id).\(vcpu)", guest.hasUpcall(vcpu) ? 1 : 0, one.upcall[vcpu] ? 1 : 0)
        let polls = guest.vcpu(vcpu)[].isPolling.load() != 0
        expect("polling \(one.id).\(vcpu)", polls ? 1 : 0, one.polls[vcpu].isEmpty ? 0 : 1)
        if !one.isFIFO {
          var bits: UInt64 = 0
          for word in one.ready[vcpu] { bits |= 1 << UInt64(word) }
          expect("selector \(one.id).\(vcpu)", Int(guest.selector(vcpu)), Int(bits))
        }
      }
    }
  }

  /// Back to the start: no ports, nothing pending, two-level or FIFO as asked.
  func clear(isFIFO: Bool) {
    for index in guests.indices {
      if guests[index].reset() != 0 { disagreement = disagreement ?? "reset" }
      let old = models[index]
      for vcpu in 0..<old.vcpus {
        Events.stopPolling(guests[index].vcpu(vcpu))
        guests[index].vcpu(vcpu)[].holds.store(0)
        old.polls[vcpu] = []
      }
      old.ports = old.ports.map { _ in ModelPort() }
      (old.pending, old.masked, old.linked, old.virqs) = ([], [], [], [:])
      old.queues = old.queues.map { _ in [] }
      for vcpu in 0..<old.vcpus { (old.ready[vcpu], old.seen[vcpu], old.upcall[vcpu]) = ([], [], false) }
      old.isFIFO = false
      guests[index].array = []
      wipe(index)
    }
    if isFIFO { reuseFIFO() }
  }

  /// FIFO delivery again with the frames from before.
  private func reuseFIFO() {
    for index in guests.indices {
      let guest = guests[index]
      guest.heads = guest.heads.map { _ in 0 }
      guest.ready = guest.ready.map { _ in 0 }
      if guest.blocks.isEmpty {
        if guest.useFIFO() != 0 { disagreement = disagreement ?? "FIFO" }
        arrays[index] = guest.array
      } else {
        for (vcpu, block) in guest.blocks.enumerated() {
          PhysicalWindow.clear(block)
          if guest.call(.initControl, [UInt32(block.number), 0, 0, UInt32(vcpu), 0, 0]) != 0 {
            disagreement = disagreement ?? "control block"
          }
        }
        for page in arrays[index] {
          PhysicalWindow.clear(page)
          if guest.call(.expandArray, [UInt32(page.number), 0]) != 0 { disagreement = disagreement ?? "array" }
        }
        guest.array = arrays[index]
      }
      models[index].isFIFO = true
    }
  }
  private var arrays: [[MachineFrame]] = [[], []]
}
