// SPDX-License-Identifier: Apache-2.0
// Debug registers as a guest sees them.
//
// DR0 to DR3 and DR7 are in the hardware while DR7 enables something there. DR6 is the guest's own: the hardware's is read and reset
// at each debug exception, and the guest finds in its own what has come together. Breakpoints on I/O ports never are in the
// hardware, as the hypervisor does the guest's IN and OUT itself (and its own): `portBreakpoints` looks for them there.
import Instructions
import Machine
import XenABI

/// DR7.
enum DebugControl {
  /// L0 to G3: the enables, two bits for each of four breakpoints.
  static let enables: UInt64 = 0xff
  /// LE and GE: exact breakpoints. Accepted, without meaning on today's CPUs.
  static let exact: UInt64 = 0x300
  /// The bit that is always set.
  static let fixed: UInt64 = 0x400
  /// GD: general detect.
  static let generalDetect: UInt64 = 1 &<< 13
  /// What else may be set: kind and length of each breakpoint, four bits each.
  static let kinds: UInt64 = 0xffff_0000

  /// What breakpoint `index` waits for: 0 execution, 1 a write, 2 a port, 3 a read or write.
  static func kind(_ control: UInt64, _ index: Int) -> UInt64 { control &>> UInt64(16 &+ 4 &* index) & 3 }
  /// The kind for ports.
  static let port: UInt64 = 2
  /// Whether breakpoint `index` is enabled.
  static func isEnabled(_ control: UInt64, _ index: Int) -> Bool { control &>> UInt64(2 &* index) & 3 != 0 }
  /// How many bytes breakpoint `index` covers.
  static func length(_ control: UInt64, _ index: Int) -> UInt64 {
    switch control &>> UInt64(18 &+ 4 &* index) & 3 {
    case 0: 1
    case 1: 2
    case 2: 8
    default: 4
    }
  }

  /// What of a guest's DR7 the hardware gets: all but the breakpoints on ports.
  static func forHardware(_ control: UInt64) -> UInt64 {
    var value = control
    for index in 0..<4 where kind(control, index) == port {
      value &= ~(3 &<< UInt64(2 &* index) | 15 &<< UInt64(16 &+ 4 &* index))
    }
    return value
  }

  /// The bits of DR6 for enabled breakpoints on ports that an access to `count` ports from `first` meets.
  static func portsMet(
    _ control: UInt64, _ addresses: borrowing InlineArray<8, UInt64>, _ first: UInt64, _ count: UInt64
  ) -> UInt64 {
    var met: UInt64 = 0
    for index in 0..<4 where isEnabled(control, index) && kind(control, index) == port {
      let length = length(control, index)
      let start = addresses[index] & ~(length &- 1)
      if first &+ count > start && first < start &+ length { met |= 1 &<< UInt64(index) }
    }
    return met
  }
}

/// DR6.
enum DebugStatus {
  /// BS: single step.
  static let singleStep: UInt64 = 1 &<< 14
  /// What a guest may set: B0 to B3, BD, BS, BT.
  static let guestMay: UInt64 = 0xe00f
  /// The bits that are set when nothing has happened.
  static let fixed: UInt64 = 0xffff_0ff0
}

extension ControlEmulation {
  /// What a debug register may hold of a guest's value, with CR4 as given.
  ///
  /// - Throws: as `setDebugRegister`.
  static func debugValue(_ number: Int, _ value: UInt64, cr4: UInt64) throws(XenError) -> UInt64 {
    switch number {
    case 0...3:
      // A watchpoint of up to eight bytes.
      guard LinearAddress(value).isCanonical, !LinearAddress(value).isHypervisor,
        !LinearAddress(value &+ 7).isHypervisor
      else { throw .notPermitted }
      return value
    case 6:
      guard value &>> 32 == 0 else { throw .invalid }
      return value & DebugStatus.guestMay | DebugStatus.fixed
    case 7:
      guard value &>> 32 == 0 else { throw .invalid }
      // No general detect; breakpoints on ports where the CPU would know them.
      guard value & DebugControl.generalDetect == 0 else { throw .notPermitted }
      for index in 0..<4
      where DebugControl.isEnabled(value, index) && DebugControl.kind(value, index) == DebugControl.port {
        guard cr4 & CR4.debuggingExtensions != 0 else { throw .notPermitted }
      }
      return value & (DebugControl.kinds | DebugControl.exact | DebugControl.enables) | DebugControl.fixed
    default: throw .noDevice
    }
  }
}

extension Emulation {
  /// MOV from or to a debug register.
  static func moveDebug(_ instruction: PrivilegedInstruction, _ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) -> Outcome {
    do throws(XenError) {
      switch instruction.operation {
      case .readDebug(let number, let into, _): setRegister(frame, into, try vcpu.debugRegister(Int(number)))
      case .writeDebug(let number, let from, _):
        try vcpu.setDebugRegister(Int(number), getRegister(frame, from))
      default: return .notOurs
      }
    } catch {
      // With CR4.DE registers 4 and 5 do not exist.
      guard error == .noDevice else { return .notOurs }
      vcpu.inject(ExceptionVector.invalidOpcode, errorCode: 0, frame)
      return .faulted
    }
    retire(UInt64(instruction.length), vcpu, frame)
    return .done
  }
}

extension Ref where T == VCPU {
  /// A debug register as the guest reads it.
  ///
  /// - Throws: `noDevice` for a number that does not exist, and for 4 and 5 with CR4.DE: without it they stand for 6 and 7.
  public func debugRegister(_ number: Int) throws(XenError) -> UInt64 { self[].debug[try debugNumber(number)] }

  /// The register that a number stands for.
  private func debugNumber(_ number: Int) throws(XenError) -> Int {
    switch number {
    case 0...3, 6, 7: return number
    case 4, 5:
      guard self[].cr4 & CR4.debuggingExtensions == 0 else { throw .noDevice }
      return number &+ 2
    default: throw .noDevice
    }
  }

  /// Sets a debug register, on the CPU that runs the vCPU. Nothing changes where the value is refused.
  ///
  /// - Throws: as `debugRegister`; `invalid` for bits above 31 of DR6 and DR7; `notPermitted` for a breakpoint in the
  ///   hypervisor's region, one on a port without CR4.DE, or general detect.
  public func setDebugRegister(_ number: Int, _ value: UInt64) throws(XenError) {
    let number = try debugNumber(number)
    let clean = try ControlEmulation.debugValue(number, value, cr4: self[].cr4)
    switch number {
    case 0...3:
      self[].debug[number] = clean
      if self[].debug[7] & DebugControl.enables != 0 { Registers.setDebug(number, clean) }
    case 6: self[].debug[6] = clean
    default:
      self[].debug[7] = clean
      loadDebugRegisters()
    }
  }

  /// Has the CPU that runs this watch for what the guest has asked for.
  func loadDebugRegisters() {
    let control = DebugControl.forHardware(self[].debug[7])
    if control & DebugControl.enables == 0 { return Registers.setDebug(7, DebugControl.fixed) }
    // With the old DR7 a new address could be met meanwhile, for the hypervisor does not touch guest memory here: harmless.
    for index in 0..<4 { Registers.setDebug(index, self[].debug[index]) }
    Registers.setDebug(7, control)
  }

  /// The bits of DR6 for breakpoints on ports that an access meets, once it has been done for the guest.
  @inline(__always)
  func portBreakpoints(_ port: UInt16, _ size: OperandSize) -> UInt64 {
    guard self[].debug[7] & DebugControl.enables != 0, self[].cr4 & CR4.debuggingExtensions != 0 else { return 0 }
    return DebugControl.portsMet(self[].debug[7], self[].debug, UInt64(port), UInt64(size.byteCount))
  }

  /// A debug exception of the guest's: for what (bits of DR6). They join what the guest has not cleared yet.
  @inline(never)
  func raiseDebug(_ met: UInt64, _ frame: Ref<TrapFrame>) {
    self[].debug[6] |= met & DebugStatus.guestMay
    inject(ExceptionVector.debug, errorCode: 0, frame)
  }
}
