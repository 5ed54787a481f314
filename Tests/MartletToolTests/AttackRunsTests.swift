// SPDX-License-Identifier: Apache-2.0
//
// The list of attacks as the tool reads it, and a log of attacks as outcomes.

import BootScenarios
import Testing

@testable import MartletTool

@Suite struct AttackRunsTests {
  @Test func linesAreAttacksAndNothingElse() {
    let text = """
      # attack-no pass 1
      attack-one pass 1
      attack-two kill 2 die=20 seed=3

      xen attack-one a reason
      """
    #expect(
      AttackLine.lines(of: text) == [
        AttackLine(guest: "attack-one", label: "attack-one"),
        AttackLine(guest: "attack-two", label: "attack-two-die20-seed3"),
      ])
  }

  @Test func theRealListHasAtLeastForty() throws {
    #expect(Set(try AttackRuns.lines().map(\.guest)).count >= 40)
    #expect(Set(try AttackRuns.lines().map(\.label)).count == (try AttackRuns.lines().count))
  }

  @Test func aFilterPicksAttacksOrNone() throws {
    #expect(try AttackRuns.flows(filter: nil).count == 2)
    #expect(try AttackRuns.flows(filter: "attacks").count == 2)
    #expect(try AttackRuns.flows(filter: "attack-iret").count == 1)
    #expect(try AttackRuns.flows(filter: "panic").isEmpty)
  }

  @Test func aLogBecomesOutcomes() {
    let log = """
      MARTLET-FLOW attacks start: PASS (3.0 s)
      MARTLET-FLOW attacks attack-one: PASS (1.5 s)
      MARTLET-FLOW attacks attack-two-die20: FAIL the healthy domain does not beat
      MARTLET-FLOW attacks attack-three: SKIPPED Xen falls over
      """
    let outcomes = AttackRuns.steps(in: log)
    #expect(outcomes.map(\.name) == ["attack-one", "attack-two-die20"])
    #expect(outcomes[0].failure == nil && outcomes[0].seconds == 1.5)
    #expect(outcomes[1].failure == "the healthy domain does not beat")
  }
}
