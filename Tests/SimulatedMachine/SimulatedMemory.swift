// SPDX-License-Identifier: Apache-2.0
// The memory of a simulated machine and the ledger over it: the first stage of every machine, and all that tests of the ledger
// need.
import Frames
import Machine
import XenABI

/// Simulated memory that is being laid out. The first frames are the hypervisor's own, as at boot.
public struct SimulatedMemory {
  /// How many frames there are, device memory at the end included.
  public let frames: UInt64
  private var next = MachineFrame(1)

  /// Starts a machine of `frames` cleared frames, with a ledger and nothing else. The calling thread is its CPU 0.
  public init(frames: UInt64) {
    precondition(Simulation.start(frames: frames), "the host has no memory for a simulated machine")
    self.frames = frames
    let storage = take(FrameLedger.framesNeeded(for: frames))
    Ref<FrameLedger>.create(in: take(Ref<FrameLedger>.framesNeeded), FrameLedger(storage: storage, frames: frames))
      .publish()
  }

  /// The first of `count` frames for the hypervisor itself.
  public mutating func take(_ count: UInt64 = 1) -> MachineFrame {
    defer { next = next + count }
    return next
  }

  /// Ends the layout: what was taken is the hypervisor's, the last `devices` frames are no RAM, the rest is free.
  public func finish(devices: UInt64 = 0) {
    Ref<FrameLedger>.shared[].claim(start: 0, end: next.number)
    Ref<FrameLedger>.shared[].addMemory(start: next.number, end: frames - devices)
  }
}
