// SPDX-License-Identifier: Apache-2.0
// The simulated machine of these tests: with a processor whose page tables are like a real one's, a console, and claims.
import Frames
import Machine
import Support
import XenABI

@testable import Domains

enum SharingWorld {
  /// Runs `body` in a fresh machine, alone in the process, as its CPU 0.
  static func run<R>(frames: UInt64 = 4096, _ body: (World) throws -> R) rethrows -> R {
    try World.run(frames: frames) { world in
      var features = CPUFeatures.detect()
      features.xsave = false
      features.physicalBits = 40
      features.publish()
      Ref<Console>.create(
        in: world.ownFrames(Ref<Console>.framesNeeded), Console(port: nil, ring: world.ownFrames(1), frames: 1)
      ).publish()
      Ref<MachineMemory>.create(in: world.ownFrames(Ref<MachineMemory>.framesNeeded), MachineMemory(map: E820Map()))
        .publish()
      return try body(world)
    }
  }
}
