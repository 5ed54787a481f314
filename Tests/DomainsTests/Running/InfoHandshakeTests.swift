// SPDX-License-Identifier: Apache-2.0
// The handshake between a vCPU whose `vcpu_info` moves and who raises an event for it (docs/invariants.md, "Handshakes between
// CPUs"): whatever the order, the guest is told where it looks from now on.
import Exploration
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains

@Suite struct InfoHandshakeTests {
  /// What a guest sees that handles one upcall at the place where it looks: which words of pending bits it is told of.
  private func isTold(_ run: Run, of port: UInt32) -> Bool {
    let place = run.stage.vcpu[].info
    return place.isPending && place.block.load(VCPUInfoLayout.pendingSelector) &>> UInt64(port / 64) & 1 != 0
  }

  @Test func noEventIsLostWhileItsPlaceMoves() {
    var place: MachineFrame?
    let outcome = Stage.explore(
      "an event while vcpu_info moves", cpus: 2, vcpuOn: 0, tiedOn: [1],
      prepare: { stage in
        stage.vcpu[].info.isMasked = true
        place = stage.world.ownFrames(1)
        precondition((try? Events.bindIPI(stage.guest, vcpu: 0))?.raw == 1)
      },
      programs: [
        { run in run.stage.vcpu.moveInfo(to: VCPUInfoPlace(frame: place!, offset: 64)) },
        { run in try? Events.send(run.stage.guest, port: EventPort(1)) },
      ],
      check: { run in
        guard run.stage.guest.isPending(1) else { return "the event is not pending" }
        guard run.stage.vcpu[].info.frame == place else { return "the place has not moved" }
        return self.isTold(run, of: 1) ? nil : "an event is lost"
      })
    #expect(outcome.failure == nil, "\(outcome)")
    #expect(outcome.isComplete || outcome.schedules >= 10_000, "\(outcome)")
    print(outcome)
  }
}
