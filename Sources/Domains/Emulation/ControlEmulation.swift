// SPDX-License-Identifier: Apache-2.0
// Control registers and XCR0 as a guest sees them.
import Instructions
import Machine
import XenABI

enum ControlEmulation {
  /// The value of a control register; nil where the guest gets a fault.
  static func read(_ register: ControlRegister, _ vcpu: Ref<VCPU>) -> UInt64? {
    switch register {
    case .cr0: vcpu[].cr0
    case .cr2: vcpu[].info.cr2
    case .cr3: vcpu[].kernelTable?.physical
    case .cr4: vcpu[].cr4
    case .cr8: nil
    }
  }

  /// Sets a control register; false where the guest gets a fault.
  static func write(_ register: ControlRegister, _ value: UInt64, _ vcpu: Ref<VCPU>) -> Bool {
    switch register {
    case .cr0:
      // Only TS is the guest's to change.
      guard (value ^ vcpu[].cr0) & ~8 == 0 else { return false }
      vcpu.setTaskSwitched(value & 8 != 0)
      return true
    case .cr2:
      vcpu[].info.cr2 = value
      return true
    case .cr3:
      // There is a hypercall for it, which can be preempted; this way stays for kernels that write what is there already.
      return value & PTE.frameMask == vcpu[].kernelTable?.physical
    case .cr4:
      vcpu[].cr4 = vcpu.possibleCR4(value)
      vcpu.loadCR4()
      return true
    case .cr8: return false
    }
  }
}

extension Ref where T == VCPU {
  /// CR4 at a vCPU's start: nothing is on that a guest may choose.
  public static var initialCR4: UInt64 { CR4.alwaysOn }

  /// What a guest's wish for CR4 comes to: its choice where it has one, of what its policy lets it have, and what is always so.
  public func possibleCR4(_ wish: UInt64) -> UInt64 {
    let domain = self[].domain
    var choice = CR4.timeStampDisable | CR4.debuggingExtensions
    if CPUFeatures.current.fsgsbase && domain[].processor.showsSegmentBases { choice |= CR4.segmentBases }
    if domain[].processor.extendedStateMask != 0 { choice |= CR4.extendedStates }
    return CR4.alwaysOn | wish & choice
  }

  /// Has the CPU that runs this do what the guest has chosen in CR4: keep applications from the time-stamp counter, and let them
  /// have the instructions for segment bases (XSA-293: they must not have them behind their kernel's back). What else it may
  /// choose only changes what it is told.
  func loadCR4() {
    let inForce = CR4.timeStampDisable | CR4.segmentBases
    // A counter that is emulated is read by nobody directly.
    let hidden = self[].domain[].counter.isEmulated ? CR4.timeStampDisable : 0
    let (old, wanted) = (Registers.cr4, self[].cr4 & inForce | hidden)
    if old & inForce != wanted { Registers.cr4 = old & ~inForce | wanted }
  }

  /// Has RDTSCP and RDPID tell what the guest has set for them, on the CPU that runs this.
  func loadTimeStampAuxiliary(_ cpu: Ref<PhysicalCPU>) {
    guard CPUFeatures.current.timeStampAuxiliary, cpu[].timeStampAuxiliary != self[].tscAux else { return }
    Registers.setMSR(MSRNumber.timeStampAuxiliary, self[].tscAux)
    cpu[].timeStampAuxiliary = self[].tscAux
  }

  /// Sets or clears TS for the guest, on the CPU that runs it.
  public func setTaskSwitched(_ on: Bool) {
    self[].taskSwitched = on
    if on {
      self[].cr0 |= 8
      Registers.setTaskSwitched()
    } else {
      self[].cr0 &= ~8
      Registers.clearTaskSwitched()
    }
  }

  /// Sets XCR0; false if the value is not one that the guest may have.
  func setExtendedControl(_ value: UInt64) -> Bool {
    let allowed = self[].domain[].processor.extendedStateMask
    guard ExtendedStateImage.isValid(xcr0: value, allowed: allowed) else { return false }
    guard Registers.setXCR0(value) else { return false }
    self[].xcr0 = value
    Ref<PhysicalCPU>.current[].xcr0 = value
    return true
  }
}
