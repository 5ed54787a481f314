// SPDX-License-Identifier: Apache-2.0
// Several CPUs at once: connections that are made, used and closed from both ends stay whole, and no event is lost.
import Domains
import Foundation
import Machine
import SimulatedMachine
import Testing
import XenABI

/// A flag between threads.
final class StopFlag: @unchecked Sendable {
  private let lock = NSLock()
  private var value = false
  var isSet: Bool { lock.withLock { value } }
  func set() { lock.withLock { value = true } }
}

@Suite struct ThreadTests {
  @Test(arguments: [false, true]) func connectionsStayWhole(isFIFO: Bool) {
    SimulatedMachine.run { world in
      let guests = [1, 2].map { Guest(world, world.makeDomain(UInt16($0), vcpus: 2)) }
      if isFIFO { for guest in guests { #expect(guest.useFIFO() == 0) } }
      func work(_ me: Int) {
        var random = SeededGenerator(seed: UInt64(me) + 40)
        let (mine, other) = (guests[me].domain, guests[1 - me].domain)
        for _ in 0..<8000 {
          let port = EventPort(UInt32.random(in: 1...8, using: &random))
          switch Int.random(in: 0...9, using: &random) {
          case 0: _ = Result { try Events.allocateUnbound(mine, remote: other[].id) }
          case 1, 2: _ = Result { try Events.connect(mine, to: other, port: port) }
          case 3: _ = Result { try Events.close(mine, port: port) }
          case 4: _ = Result { try Events.bindVCPU(mine, port: port, vcpu: UInt32.random(in: 0...1, using: &random)) }
          case 5: _ = Result { try Events.unmask(mine, port: port) }
          default: _ = Result { try Events.send(mine, port: port) }
          }
        }
      }
      world.onCPUs([{ work(0) }, { work(1) }])
      var connected = 0
      for (me, guest) in guests.enumerated() {
        for port in 1..<4096 {
          guard let record = guest.status(port), record.state == 2 else { continue }
          connected += 1
          let peer = guests[1 - me].status(record.number)
          #expect(peer?.state == 2 && peer?.number == port && peer?.domain == me + 1)
        }
      }
      #expect(connected % 2 == 0)
    }
  }

  /// One CPU sends, the other takes events off the queues and counts: after the last send each port is seen once more.
  @Test func noEventIsLost() {
    SimulatedMachine.run { world in
      let sender = Guest(world, world.makeDomain(1))
      let receiver = Guest(world, world.makeDomain(2))
      #expect(receiver.useFIFO() == 0)
      for port in 1...6 {
        #expect(sender.allocateUnbound(2) == port)
        #expect(receiver.connect(1, port) == port)
        #expect(receiver.setPriority(port, port % 2 == 0 ? 3 : 7) == 0)
      }
      while receiver.consumeOne(0) != nil {}
      let total = 30_000
      let sent = Counters()
      let seen = Counters()
      world.onCPUs([
        {
          for turn in 0..<total {
            let port = turn % 6 + 1
            sent.set(port, turn + 1)
            _ = Result { try Events.send(sender.domain, port: EventPort(UInt32(port))) }
          }
          sent.set(0, 1)
        },
        {
          while true {
            let isLast = sent.get(0) == 1
            guard let (port, isHandled) = receiver.consumeOne(0) else {
              if isLast { return }
              continue
            }
            if isHandled { seen.set(port, sent.get(port)) }
          }
        },
      ])
      for port in 1...6 { #expect(seen.get(port) == sent.get(port), "port \(port)") }
    }
  }
}

/// Numbers between threads.
final class Counters: @unchecked Sendable {
  private let lock = NSLock()
  private var values = Array(repeating: 0, count: 16)
  func set(_ index: Int, _ value: Int) { lock.withLock { values[index] = value } }
  func get(_ index: Int) -> Int { lock.withLock { values[index] } }
}
