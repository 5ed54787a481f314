// SPDX-License-Identifier: Apache-2.0
// What event channels should do, said as simply as possible: arrays and sets, one domain after the other, no bits. The tests
// hold the real ones against it.

/// A port as the model keeps it; `state` is the ABI's number (EVTCHNSTAT_*), 0 for free.
struct ModelPort: Equatable {
  var state = 0
  var vcpu = 0
  var priority = 7
  var domain = 0
  var number = 0
}

/// A domain as the model keeps it.
final class ModelDomain {
  let id: Int
  let vcpus: Int
  let limit: Int
  var isFIFO = false
  var ports: [ModelPort]
  var pending: Set<Int> = []
  var masked: Set<Int> = []
  /// FIFO: ports that stand in a queue, and the queues by vCPU * 16 + priority.
  var linked: Set<Int> = []
  var queues: [[Int]]
  /// FIFO: queues that have been announced and not been looked at; two-level: words of pending bits that have.
  var ready: [Set<Int>]
  /// FIFO: what the guest knows to be ready.
  var seen: [Set<Int>]
  /// Whether each vCPU has an upcall pending.
  var upcall: [Bool]
  var virqs: [[Int]: Int] = [:]
  /// Ports that each vCPU polls; empty if it does not.
  var polls: [Set<Int>]

  init(id: Int, vcpus: Int, limit: Int) {
    self.id = id
    self.vcpus = vcpus
    self.limit = limit
    ports = Array(repeating: ModelPort(), count: limit + 1)
    queues = Array(repeating: [], count: vcpus * 16)
    ready = Array(repeating: [], count: vcpus)
    seen = Array(repeating: [], count: vcpus)
    upcall = Array(repeating: false, count: vcpus)
    polls = Array(repeating: [], count: vcpus)
  }

  func isUsable(_ port: Int) -> Bool { port > 0 && port <= limit && ports[port].state != 0 }

  func lowestFree() -> Int? { (1...limit).first { ports[$0].state == 0 && !linked.contains($0) } }

  func raise(_ port: Int) {
    guard !pending.contains(port) else { return }
    pending.insert(port)
    announce(port)
    for vcpu in 0..<vcpus where polls[vcpu].contains(port) { polls[vcpu] = [] }
  }

  /// Tells the vCPU of a pending port that is not masked.
  func announce(_ port: Int) {
    guard pending.contains(port), !masked.contains(port) else { return }
    let vcpu = ports[port].vcpu
    if !isFIFO {
      if ready[vcpu].insert(port / 64).inserted { upcall[vcpu] = true }
      return
    }
    guard linked.insert(port).inserted else { return }
    let priority = ports[port].priority
    let isEmpty = queues[vcpu * 16 + priority].isEmpty
    queues[vcpu * 16 + priority].append(port)
    if isEmpty, ready[vcpu].insert(priority).inserted { upcall[vcpu] = true }
  }

  func unmask(_ port: Int) {
    let was = masked.remove(port) != nil
    if isFIFO || was { announce(port) }
  }

  func free(_ port: Int) {
    ports[port] = ModelPort()
    pending.remove(port)
  }
}

/// All domains of the model, and the operations. Results are 0 or more, or a negative error number.
final class Model {
  var domains: [Int: ModelDomain] = [:]

  func allocate(_ domain: ModelDomain, _ port: ModelPort) -> Int {
    guard let free = domain.lowestFree() else { return -28 }
    domain.ports[free] = port
    return free
  }

  func connect(_ a: ModelDomain, to b: ModelDomain, _ port: Int) -> Int {
    guard b.isUsable(port), b.ports[port].state == 1, b.ports[port].domain == a.id else { return -22 }
    let local = allocate(a, ModelPort(state: 2, domain: b.id, number: port))
    guard local > 0 else { return local }
    b.ports[port].state = 2
    b.ports[port].domain = a.id
    b.ports[port].number = local
    a.raise(local)
    return local
  }

  func bindVIRQ(_ a: ModelDomain, _ virq: Int, _ vcpu: Int) -> Int {
    let isPerVCPU = [0, 1, 7, 13].contains(virq)
    guard virq < 24, isPerVCPU || vcpu == 0 else { return -22 }
    guard vcpu < a.vcpus else { return -2 }
    guard a.virqs[[virq, isPerVCPU ? vcpu : 0]] == nil else { return -17 }
    let port = allocate(a, ModelPort(state: 4, vcpu: vcpu, number: virq))
    if port > 0 { a.virqs[[virq, isPerVCPU ? vcpu : 0]] = port }
    return port
  }

  func bindIPI(_ a: ModelDomain, _ vcpu: Int) -> Int {
    vcpu < a.vcpus ? allocate(a, ModelPort(state: 5, vcpu: vcpu)) : -2
  }

  func close(_ a: ModelDomain, _ port: Int) -> Int {
    guard a.isUsable(port) else { return -22 }
    let record = a.ports[port]
    if record.state == 2, let b = domains[record.domain] {
      b.ports[record.number].state = 1
      b.ports[record.number].domain = a.id
      b.ports[record.number].number = 0
    }
    if record.state == 4 { a.virqs = a.virqs.filter { $0.value != port } }
    a.free(port)
    return 0
  }

  func send(_ a: ModelDomain, _ port: Int) -> Int {
    guard a.isUsable(port) else { return -22 }
    switch a.ports[port].state {
    case 1: return 0
    case 2: domains[a.ports[port].domain]!.raise(a.ports[port].number)
    case 5: a.raise(port)
    default: return -22
    }
    return 0
  }

  func bindVCPU(_ a: ModelDomain, _ port: Int, _ vcpu: Int) -> Int {
    guard vcpu < a.vcpus else { return -2 }
    guard a.isUsable(port) else { return -22 }
    let record = a.ports[port]
    if record.state == 5 || (record.state == 4 && [0, 1, 7, 13].contains(record.number)) { return -22 }
    a.ports[port].vcpu = vcpu
    return 0
  }

  func setPriority(_ a: ModelDomain, _ port: Int, _ priority: Int) -> Int {
    guard a.isUsable(port) else { return -22 }
    guard a.isFIFO else { return -38 }
    guard priority < 16 else { return -22 }
    a.ports[port].priority = priority
    return 0
  }

  func raiseVIRQ(_ a: ModelDomain, _ virq: Int, _ vcpu: Int) {
    if let port = a.virqs[[virq, vcpu]] { a.raise(port) }
  }

  func closeAll(_ a: ModelDomain) {
    for port in 1...a.limit where a.ports[port].state != 0 { _ = close(a, port) }
  }
}
