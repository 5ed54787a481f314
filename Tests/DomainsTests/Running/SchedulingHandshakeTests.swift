// SPDX-License-Identifier: Apache-2.0
// The handshakes of scheduling between CPUs, each in every order of steps that the search comes by (docs/invariants.md,
// "Handshakes between CPUs"): rules H1 to H3, upcalls, idle CPUs.
import Exploration
import Machine
import Scheduling
import Testing
import XenABI

@testable import Domains

@Suite struct SchedulingHandshakeTests {
  private func expectNothing(_ outcome: Outcome) {
    #expect(outcome.failure == nil, "\(outcome)")
    #expect(outcome.isComplete || outcome.schedules >= 10_000, "\(outcome)")
    print(outcome)
  }

  // ---- H2: whose tables a CPU uses ----

  /// What another CPU does that has come to run the vCPU: it changes all its tables, and what they were is anybody's then.
  private func changeTables(_ run: Run, leaving left: Int) {
    let (vcpu, here) = (run.stage.vcpu, run.stage.cpu(CPUs.current))
    Explored.require(here[].vcpu == vcpu, "another CPU does not come to run the vCPU")
    let (old, oldDescriptors) = (run.stage.root!, vcpu.gdtFrame(0))
    let new = run.stage.tied(CPUs.current)[].kernelTable!
    vcpu[].kernelTable = new
    TLB.setPageTable(new)
    vcpu[].gdtFrames[0] = .invalid
    vcpu[].gdtEntries = 0
    vcpu.showDescriptors(here)
    TLB.flushLocal()
    Explored.require(
      Explored.topTable(ofCPU: left) != old, "H2: a CPU uses a top-level table that nobody holds")
    Explored.require(
      run.stage.cpu(left)[].area.gdtFrame(page: 0) != oldDescriptors,
      "H2: a CPU shows a descriptor page that nobody holds")
  }

  private func giveDescriptors(_ stage: Stage) {
    stage.vcpu[].gdtFrames[0] = stage.world.ownFrames(1)
    stage.vcpu[].gdtEntries = 8
  }

  @Test func H2_aVCPUThatIsStolenHasLeftNothingBehind() {
    expectNothing(
      Stage.explore(
        "a preempted vCPU is stolen", cpus: 2, vcpuOn: 0, tiedOn: [], prepare: giveDescriptors,
        programs: [
          { run in
            run.enter {
              run.stage.wakeTied(0)
              Scheduler.yield()
            }
          },
          { run in
            run.enter()
            self.changeTables(run, leaving: 0)
          },
        ],
        check: { $0.stage.vcpu[].isRunning.load() == 0 ? "a CPU idles while a vCPU waits" : nil }))
  }

  @Test(arguments: [true, false]) func H2_aVCPUThatIsSentAwayHasLeftNothingBehind(isReplaced: Bool) {
    expectNothing(
      Stage.explore(
        "a vCPU is sent away", cpus: 2, vcpuOn: 0, tiedOn: [], prepare: giveDescriptors,
        programs: [
          { run in
            run.enter {
              if isReplaced { run.stage.wakeTied(0) }
              _ = try? Scheduler.setAffinity(run.stage.vcpu, hard: CPUMask(cpu: 1), soft: nil, force: false)
            }
          },
          { run in
            run.enter()
            self.changeTables(run, leaving: 0)
            // The other CPU has nobody to run, and does not end before it has.
            if !isReplaced { run.stage.wakeTied(0) }
          },
        ],
        check: { _ in nil }))
  }

  // ---- Upcalls: run, then look ----

  @Test func noUpcallIsLost() {
    expectNothing(
      Stage.explore(
        "an upcall for a vCPU that begins to run", cpus: 2, vcpuOn: nil, tiedOn: [0, 1],
        prepare: { stage in
          stage.move(stage.vcpu, to: 0)
          _ = try? Scheduler.setAffinity(stage.vcpu, hard: CPUMask(cpu: 0), soft: nil, force: false)
        },
        programs: [
          { run in
            run.enter {
              run.stage.vcpu[].holds.fetchAnd(~VCPUHold.down)
              Scheduler.settle(run.stage.vcpu)
              Scheduler.yield()
            }
          },
          { $0.stage.vcpu.notifyEvent() },
        ],
        check: { run in
          let vcpu = run.stage.vcpu
          guard vcpu[].isRunning.load() != 0 else { return "it does not run" }
          return vcpu[].info.isPending && !vcpu[].info.isMasked ? "an upcall is lost" : nil
        }))
  }

  @Test func noUpcallIsSleptOver() {
    expectNothing(
      Stage.explore(
        "an upcall for a vCPU that blocks", cpus: 2, vcpuOn: 0, tiedOn: [1],
        programs: [
          { run in
            run.enter {
              run.stage.wakeTied(0)
              run.stage.vcpu.block()
            }
          },
          { $0.stage.vcpu.notifyEvent() },
        ],
        check: { $0.stage.vcpu[].holds.load() != 0 ? "an upcall is slept over" : nil }))
  }

  @Test func noNMIIsSleptOver() {
    expectNothing(
      Stage.explore(
        "an NMI for a vCPU that blocks", cpus: 2, vcpuOn: 0, tiedOn: [1],
        prepare: { $0.vcpu[].callbacks.nmi = Stage.callback },
        programs: [
          { run in
            run.enter {
              run.stage.wakeTied(0)
              run.stage.vcpu.block()
            }
          },
          { run in
            run.stage.vcpu[].pending.fetchOr(VCPUPending.nmi)
            run.stage.vcpu.kick()
          },
        ],
        check: { run in
          run.stage.vcpu[].pending.load() & VCPUPending.nmi != 0 && run.stage.vcpu[].holds.load() != 0
            ? "an NMI is slept over" : nil
        }))
  }

  // ---- Idle, then look ----

  @Test func noCPUIdlesWhileAWokenVCPUWaits() {
    expectNothing(
      Stage.explore(
        "a vCPU wakes while a CPU becomes idle", cpus: 2, vcpuOn: nil, tiedOn: [0, 1],
        prepare: { stage in
          stage.move(stage.vcpu, to: 1)
          stage.vcpu[].holds.store(VCPUHold.blocked)
          Scheduler.settle(stage.vcpu)
        },
        programs: [
          // A CPU that has been busy. It comes back from the idle loop only with somebody to run.
          { run in
            run.enter {
              run.stage.tied(0)[].holds.fetchOr(VCPUHold.down)
              Scheduler.settle(run.stage.tied(0))
            }
          },
          { $0.stage.vcpu.notifyEvent() },
        ],
        check: { $0.stage.cpu(0)[].vcpu == $0.stage.vcpu ? nil : "another CPU runs it" }))
  }

  // ---- At rest ----

  @Test func H1_aPausedDomainIsAtRest() {
    expectNothing(
      Stage.explore(
        "a domain is paused", cpus: 2, vcpuOn: 0, tiedOn: [1],
        programs: [
          { run in
            // In the hypervisor, for as long as the other waits for it.
            run.enter { while run.load(0) == 0 { Waiting.step() } }
          },
          { run in
            let domain = run.stage.guest!
            do throws(XenError) {
              try domain.pause()
              Explored.require(
                ledger[].accounts.translating(domain[].id).isEmpty && run.stage.vcpu[].isLoaded.load() == 0,
                "H1: a paused domain is not at rest")
              run.store(0, 1)
              _ = domain.unpause()
            } catch {
              Explored.require(error == .restart && domain[].pauseCount.load() == 0, "a pause in vain leaves a trace")
              run.store(0, 1)
            }
          },
        ],
        check: { $0.stage.vcpu[].holds.load() == 0 ? nil : "it stays paused" }))
  }

  @Test func H1_aPauseWaitsForTheGuestsExit() {
    expectNothing(
      Stage.explore(
        "a domain is paused while it runs", cpus: 2, vcpuOn: 0, tiedOn: [1],
        programs: [
          { run in run.enter { run.stage.wakeTied(0) } },
          { run in
            let domain = run.stage.guest!
            do throws(XenError) {
              try domain.pause()
              Explored.require(
                ledger[].accounts.translating(domain[].id).isEmpty && run.stage.vcpu[].isLoaded.load() == 0,
                "H1: a paused domain is not at rest")
            } catch { Explored.require(error == .restart, "it cannot be paused") }
          },
        ],
        check: { _ in nil }))
  }

  @Test func H3_whoIsInspectedIsNotChosenOnTheWayToAnotherQueue() {
    expectNothing(
      Stage.explore(
        "a vCPU is inspected on its way", cpus: 3, vcpuOn: 0, tiedOn: [1],
        programs: [
          { run in
            run.enter {
              run.stage.wakeTied(0)
              _ = try? Scheduler.setAffinity(run.stage.vcpu, hard: CPUMask(cpu: 2), soft: nil, force: false)
            }
          },
          { run in
            let vcpu = run.stage.vcpu
            _ = try? vcpu.inspected { () throws(XenError) -> Bool in
              for _ in 0..<4 { Explored.require(vcpu[].isLoaded.load() == 0, "H3: a vCPU that is inspected is loaded") }
              return true
            }
          },
          { $0.enter() },
        ],
        check: { $0.stage.cpu(2)[].vcpu == $0.stage.vcpu ? nil : "it does not arrive" }))
  }

  @Test func H3_holdsThatChangeOnTheWayAreSeen() {
    expectNothing(
      Stage.explore(
        "a vCPU is held and let go while it is stolen", cpus: 3, vcpuOn: nil, tiedOn: [0, 2],
        prepare: { $0.move($0.vcpu, to: 0) },
        programs: [
          { run in
            run.stage.vcpu[].holds.fetchAnd(~VCPUHold.down)
            Scheduler.settle(run.stage.vcpu)
          },
          { $0.enter() },
          { run in
            let vcpu = run.stage.vcpu
            vcpu[].holds.fetchOr(VCPUHold.blocked)
            Scheduler.settle(vcpu)
            vcpu.kick()
            // Another CPU may run it as well; then this one has nobody else to come back from its idle loop with.
            run.stage.wakeTied(1)
          },
        ],
        // What queues and holds say of each other is looked at after every run.
        check: { _ in nil }))
  }

  // ---- Grace periods ----

  @Test func R1_nobodyUsesWhatAGracePeriodHasEnded() {
    expectNothing(
      Stage.explore(
        "a record is used while it is taken away", cpus: 2, vcpuOn: nil, tiedOn: [0, 1],
        programs: [
          { run in
            // Word 0: it can be found. Word 1: it is another's.
            run.store(0, 1)
            let period = GracePeriod.begin()
            while !GracePeriod.isOver(period) {
              Waiting.step()
              GuestExit.prepare(run.stage.frames[0])
            }
            run.store(1, 1)
          },
          { run in
            for _ in 0..<2 {
              run.enter {
                guard run.load(0) == 0 else { return }
                for _ in 0..<2 { Explored.require(run.load(1) == 0, "R1: a record is used that is another's") }
              }
            }
          },
        ],
        check: { _ in nil }))
  }

  // ---- Polls ----

  @Test func noPolledEventIsMissed() {
    expectNothing(
      Stage.explore(
        "an event for a vCPU that polls", cpus: 2, vcpuOn: 0, tiedOn: [1],
        prepare: { stage in
          stage.vcpu[].info.isMasked = true
          let port = try? Events.bindIPI(stage.guest, vcpu: 0)
          precondition(port?.raw == 1)
        },
        programs: [
          { run in
            let (vcpu, port) = (run.stage.vcpu, EventPort(1))
            run.enter {
              run.stage.wakeTied(0)
              vcpu.beginPolling(port)
              if (try? Events.isPending(run.stage.guest, port: port)) == true { return vcpu.endPolling() }
              Scheduler.settle(vcpu)
            }
          },
          { try? Events.send($0.stage.guest, port: EventPort(1)) },
        ],
        check: { $0.stage.vcpu[].holds.load() == 0 ? nil : "a polled event is missed" }))
  }
}
