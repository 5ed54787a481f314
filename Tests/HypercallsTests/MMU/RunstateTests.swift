// SPDX-License-Identifier: Apache-2.0
// The runstate area of a vCPU while another one reads it.
import Foundation
import Machine
import SimulatedMachine
import Synchronization
import Testing
import XenABI

@testable import Domains

@Suite struct RunstateTests {
  /// Whether a reader on another CPU ever sees that the record is being changed.
  private func isChangeSeen(assist: Bool) -> Bool {
    SimulatedMachine.run { world in
      let guest = SimulatedGuest(world, 1)
      guest.vcpu[].runstateArea = LinearAddress(guest.address(0x100))
      if assist { guest.domain[].assists.store(VMAssist.runstateUpdateFlag) }
      Simulation.useTables(root: guest.root)
      let frame = guest.argumentFrames[0]
      let isOver = Atomic<Bool>(false)
      let isSeen = Atomic<Bool>(false)
      let done = DispatchSemaphore(value: 0)
      Thread.detachNewThread {
        while !isOver.load(ordering: .relaxed) {
          if PhysicalWindow.load(frame, word: 0x108 >> 3) >> 63 != 0 { isSeen.store(true, ordering: .relaxed) }
        }
        done.signal()
      }
      var turns = 0
      while !isSeen.load(ordering: .relaxed) && turns < 200_000 {
        guest.vcpu.updateRunstateArea()
        turns += 1
      }
      isOver.store(true, ordering: .relaxed)
      done.wait()
      // Whoever looks afterwards finds it at rest.
      #expect(guest.get64(0x108) >> 63 == 0)
      return isSeen.load(ordering: .relaxed)
    }
  }

  @Test func `the flag is shown to those who have asked for it`() {
    #expect(isChangeSeen(assist: true))
    #expect(!isChangeSeen(assist: false))
  }
}
