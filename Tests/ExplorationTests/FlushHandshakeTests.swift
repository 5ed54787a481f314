// SPDX-License-Identifier: Apache-2.0
// The handshake of flushes (Machine/CPU/TLB.swift): who has asked for a flush and goes on must find that no CPU still uses what
// it remembered before.
import Exploration
import Testing
import XenABI

@testable import Machine

/// One address space of a few pages, and a mark for each page that has been taken away and flushed.
private struct Pages {
  let root = MachineFrame(1)
  let table = MachineFrame(4)
  let marks = MachineFrame(5)
  static let first: UInt64 = 8

  static func make() -> Pages {
    let pages = Pages()
    for frame in 1..<3 as Range<UInt64> {
      PhysicalWindow.store(MachineFrame(frame), word: 0, MachineFrame(frame + 1).physical | 7)
    }
    PhysicalWindow.store(MachineFrame(3), word: 0, pages.table.physical | 7)
    for page in 0..<4 { PhysicalWindow.store(pages.table, word: page, frame(page).physical | 7) }
    return pages
  }
  static func frame(_ page: Int) -> MachineFrame { MachineFrame(first + UInt64(page)) }

  /// Takes a page's mapping away everywhere.
  func takeAway(_ page: Int, from cpus: [Int]) {
    PhysicalWindow.store(table, word: page, 0)
    var set = CPUSet()
    for cpu in cpus { set.insert(cpu) }
    TLB.flush(set)
    PhysicalWindow.store(marks, word: page, 1)
  }

  func scenario(_ name: String, _ programs: [(Pages) -> Void]) -> Scenario<Pages> {
    var scenario = Scenario(name, setup: { self }, cpus: programs)
    for cpu in 1..<programs.count { scenario.prepare(cpu: cpu) { Simulation.useTables(root: self.root) } }
    Simulation.useTables(root: root)
    scenario.speculated = [0, 1 << 12]
    scenario.judge = { access in
      let page = Int(access.frame.number - Pages.first)
      return PhysicalWindow.load(self.marks, word: page) == 0 ? nil : "page \(page) is used after it was taken away"
    }
    return scenario
  }
}

@Suite struct FlushHandshakeTests {
  private func check(_ name: String, _ programs: [(Pages) -> Void]) {
    Words.run(frames: 16) {
      let outcome = Pages.make().scenario(name, programs).explore()
      #expect(outcome.failure == nil, "\(outcome)")
      #expect(outcome.isComplete || outcome.schedules >= 10_000, "\(outcome)")
    }
  }

  @Test func F1_noRequestIsLost() {
    check(
      "two CPUs ask a third",
      [
        { $0.takeAway(0, from: [2]) },
        { $0.takeAway(1, from: [2]) },
        { _ in
          Guest.read(0)
          Guest.read(1 << 12)
        },
      ])
  }

  @Test func F1_twoThatAskEachOther() {
    check(
      "two CPUs ask each other",
      [
        { pages in
          Guest.read(1 << 12)
          pages.takeAway(0, from: [0, 1])
          Guest.read(1 << 12)
        },
        { pages in
          Guest.read(0)
          pages.takeAway(1, from: [0, 1])
          Guest.read(0)
        },
      ])
  }

  @Test func F1_whoWaitsForALockAnswers() {
    Words.run(frames: 16) {
      let lock = Ref<Lock<UInt64>>.create(in: MachineFrame(14), Lock(.pageTables, 0))
      let program: (Int) -> (Pages) -> Void = { page in
        { pages in
          Guest.read(UInt64(1 - page) << 12)
          lock[].withLock { _ in pages.takeAway(page, from: [0, 1]) }
          Guest.read(UInt64(1 - page) << 12)
        }
      }
      let outcome = Pages.make().scenario("a flush under a lock", [program(0), program(1)])
        .explore()
      #expect(outcome.failure == nil, "\(outcome)")
    }
  }
}
