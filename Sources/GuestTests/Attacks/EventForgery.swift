// SPDX-License-Identifier: Apache-2.0
//
// Event channels of others, and more events than anybody wants.

import CGuestKit
import GuestKit

/// attack-event-forge: binding to others' ports, asking about them, global VIRQs, physical interrupts.
func eventForge() -> Guest {
  attack("attack-event-forge", "others' ports, global VIRQs and interrupts cannot be bound, asked about or reset") {
    () throws(Failure) in
    for domain in otherDomains() {
      for number in UInt32(0)..<1200 {
        let port = number < 1100 ? number : UInt32(truncatingIfNeeded: randomWord())
        // The ports that xenstored and the console daemon hold for us are bound already, once for all.
        var bind = evtchn_bind_interdomain(remote_dom: domain, remote_port: port, local_port: 0)
        refused("bound to another's port", Events.operate(EVTCHNOP_bind_interdomain, &bind), UInt64(port))
        refused("asked about another's port", Events.status(port, domain: domain).result, UInt64(port))
      }
      var reset = evtchn_reset(dom: domain)
      refused("another's ports reset", Events.operate(EVTCHNOP_reset, &reset), UInt64(domain))
      var unbound = evtchn_alloc_unbound(dom: domain, remote_dom: selfDomain, port: 0)
      refused("a port for another", Events.operate(EVTCHNOP_alloc_unbound, &unbound), UInt64(domain))
    }
    // VIRQs for the whole machine: whoever binds one that is not its to handle hears nothing of it; a VIRQ past the last
    // one does not exist.
    for virq in [VIRQ_CONSOLE, VIRQ_DOM_EXC, VIRQ_TBUF, VIRQ_CON_RING, VIRQ_PCPU_STATE, VIRQ_MEM_EVENT, VIRQ_ENOMEM] {
      let bound = Events.bindVIRQ(virq)
      if bound.result == 0 {
        _ = Events.send(StartInfo.consolePort)
        if Events.isPending(bound.port) { breach("a global VIRQ came", UInt64(virq)) }
        refused("bound twice", Events.bindVIRQ(virq).result, UInt64(virq))
      }
      refused("for another vCPU", Events.bindVIRQ(virq, vcpu: 1).result, UInt64(virq))
    }
    for virq in [Int32(24), 31, 32, 63, 64, Int32.max, -1] {
      refused("a VIRQ that does not exist", Events.bindVIRQ(virq).result, UInt64(bitPattern: Int64(virq)))
    }
    for pirq in UInt32(0)..<64 {
      var bind = evtchn_bind_pirq(pirq: pirq, flags: 1, port: 0)
      refused("an interrupt", Events.operate(EVTCHNOP_bind_pirq, &bind), UInt64(pirq))
    }
    for number in hostileWords {
      let word = UInt32(truncatingIfNeeded: number)
      if word < 8 { continue }
      refused("sent", Events.send(word), number)
      refused("closed", Events.close(word), number)
      var bind = evtchn_bind_vcpu(port: word, vcpu: 0)
      refused("moved", Events.operate(EVTCHNOP_bind_vcpu, &bind), number)
      var move = evtchn_bind_vcpu(port: 1, vcpu: word)
      refused("moved to no vCPU", Events.operate(EVTCHNOP_bind_vcpu, &move), number)
      refused("for no vCPU", Events.bindIPI(vcpu: word).result, number)
      refused("for no vCPU", Events.bindVIRQ(VIRQ_TIMER, vcpu: word).result, number)
      _ = Events.unmaskByHypercall(word)
    }
    for command in Int32(15)...40 {
      var words: InlineArray<8, UInt64> = InlineArray(repeating: 0)
      refused("an unknown operation", Events.operate(command, &words), UInt64(command))
    }
  }
}

/// attack-event-flood: sends without end, to ourselves, to xenstored, to the console daemon, to nobody.
func eventFlood() -> Guest {
  attack("attack-event-flood", "events as fast as they can be sent") { () throws(Failure) in
    let pair = try Events.loop()
    Events.unmask(pair.listener)
    Events.enable()
    try storm(1000) { () throws(Failure) in
      for _ in 0..<20 { _ = Events.send(pair.connected) }
      _ = Events.send(StartInfo.storePort)
      _ = Events.send(StartInfo.consolePort)
      _ = Events.send(UInt32(random(below: 5000)))
    }
  }
}

/// attack-event-churn: ports made, connected, moved, closed, in random order; each for others to see as well.
func eventChurn() -> Guest {
  attack("attack-event-churn", "ports are made, bound, moved and closed at random") { () throws(Failure) in
    try storm(600) { () throws(Failure) in
      let port = UInt32(8 + random(below: 300))
      switch random(below: 9) {
      case 0, 1:
        var unbound = evtchn_alloc_unbound(dom: selfDomain, remote_dom: Victim.domain, port: 0)
        _ = Events.operate(EVTCHNOP_alloc_unbound, &unbound)
      case 2, 3:
        var unbound = evtchn_alloc_unbound(dom: selfDomain, remote_dom: selfDomain, port: 0)
        if Events.operate(EVTCHNOP_alloc_unbound, &unbound) == 0 {
          var bind = evtchn_bind_interdomain(remote_dom: selfDomain, remote_port: unbound.port, local_port: 0)
          _ = Events.operate(EVTCHNOP_bind_interdomain, &bind)
        }
      case 4: _ = Events.bindIPI(vcpu: 0)
      case 5:
        var move = evtchn_bind_vcpu(port: port, vcpu: UInt32(random(below: 3)))
        _ = Events.operate(EVTCHNOP_bind_vcpu, &move)
      case 6: _ = Events.send(port)
      case 7: _ = Events.unmaskByHypercall(port)
      default: _ = Events.close(port)
      }
    }
  }
}

/// attack-event-ports: all ports that can be had, waiting for the victim and Domain 0, left to the destruction.
func eventPorts() -> Guest {
  attack("attack-event-ports", "all ports wait for others when the domain ends") { () throws(Failure) in
    var count = 0
    while count < 200_000 {
      var unbound = evtchn_alloc_unbound(dom: selfDomain, remote_dom: count & 1 == 0 ? Victim.domain : 0, port: 0)
      if Events.operate(EVTCHNOP_alloc_unbound, &unbound) != 0 { break }
      count += 1
    }
    try require("many were given", count > 500)
  }
}
