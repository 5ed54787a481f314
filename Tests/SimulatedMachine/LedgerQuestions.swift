// SPDX-License-Identifier: Apache-2.0
// The ledger's questions as functions of their own: a test's expectation cannot hold the ledger.
import Domains
import Frames
import Machine
import XenABI

/// How many references of any kind a frame has.
public func references(_ frame: MachineFrame) -> UInt64 { ledger[].count(frame) }
/// A frame's type word.
public func typeOf(_ frame: MachineFrame) -> TypeWord { ledger[].type(frame) }
/// Whose a frame is.
public func ownerOf(_ frame: MachineFrame) -> DomainID { ledger[].owner(frame) }
/// How many frames are free.
public var freeFrames: UInt64 { ledger[].freeFrames }
/// What the machine-to-physical table says of a frame.
public func translation(_ frame: MachineFrame) -> UInt64 { Ref<Hypervisor>.shared[].machineToPhysical.load(frame) }
/// Whether a frame is allocated, or shared by the hypervisor.
public func isAllocated(_ frame: MachineFrame) -> Bool { ledger[].isAllocated(frame) }
/// Whether a frame is one that the hypervisor shares.
public func isShared(_ frame: MachineFrame) -> Bool { ledger[].isShared(frame) }
/// Takes a reference to a frame of a guest's.
public func take(_ frame: MachineFrame, for guest: SimulatedGuest) -> Bool { ledger[].take(frame, owner: guest.id) }
/// Takes a reference to a frame of a guest's, and a writable use of it.
public func takeWritable(_ frame: MachineFrame, for guest: SimulatedGuest) -> Bool {
  ledger[].takeWritable(frame, owner: guest.id)
}
