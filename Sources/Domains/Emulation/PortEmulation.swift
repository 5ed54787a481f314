// SPDX-License-Identifier: Apache-2.0
// IN and OUT. Whether an instruction may run at all is the guest's own affair (its I/O privilege level, its bitmap); whether it
// reaches a device is the hypervisor's: only a domain that may use hardware does, and not the devices that we drive ourselves.
import Frames
import Instructions
import Machine
import XenABI

/// I/O ports for guests.
public enum PortEmulation {
  static func perform(_ instruction: PrivilegedInstruction, _ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>)
    -> Emulation.Outcome
  {
    var registers = frame[].generalRegisters
    let breakpoints: UInt64
    switch instruction.operation {
    case .portIn(let access):
      let port = access.port(registers)
      guard isAllowed(vcpu, port, access.size) else { return .notOurs }
      registers.write(UInt64(read(vcpu, port, access.size)), to: .rax, access.size)
      breakpoints = vcpu.portBreakpoints(port, access.size)
    case .portOut(let access):
      let port = access.port(registers)
      guard isAllowed(vcpu, port, access.size) else { return .notOurs }
      write(vcpu, port, access.size, UInt32(truncatingIfNeeded: registers[.rax]))
      breakpoints = vcpu.portBreakpoints(port, access.size)
    case .stringIn(let access), .stringOut(let access):
      return string(instruction, access, vcpu, frame)
    default: return .notOurs
    }
    frame[].generalRegisters = registers
    Emulation.retire(UInt64(instruction.length), vcpu, frame, breakpoints: breakpoints)
    return .done
  }

  private static func string(
    _ instruction: PrivilegedInstruction, _ access: StringPortAccess, _ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>
  ) -> Emulation.Outcome {
    let bases = SegmentBases(fs: Registers.fsBase, gs: Registers.gsBase)
    let flags = ProcessorFlags(rawValue: frame[].rflags)
    var isInput = false
    if case .stringIn = instruction.operation { isInput = true }
    // A stretch of elements; the guest runs the instruction again for the rest.
    for _ in 0..<512 {
      var registers = frame[].generalRegisters
      let port = UInt16(truncatingIfNeeded: registers[.rdx])
      guard isAllowed(vcpu, port, access.size) else { return .notOurs }
      if access.iteration.isExhausted(registers) {
        Emulation.retire(UInt64(instruction.length), vcpu, frame)
        return .done
      }
      let address = access.address.effectiveAddress(registers: registers, nextInstruction: frame[].rip, segments: bases)
      do {
        if isInput {
          let value = read(vcpu, port, access.size)
          switch access.size {
          case .byte: try GuestMemory.write(LinearAddress(address), UInt8(truncatingIfNeeded: value))
          case .word: try GuestMemory.write(LinearAddress(address), UInt16(truncatingIfNeeded: value))
          default: try GuestMemory.write(LinearAddress(address), value)
          }
        } else {
          let value: UInt32
          switch access.size {
          case .byte: value = UInt32(try GuestMemory.read(LinearAddress(address), as: UInt8.self, initial: 0))
          case .word: value = UInt32(try GuestMemory.read(LinearAddress(address), as: UInt16.self, initial: 0))
          default: value = try GuestMemory.read32(LinearAddress(address))
          }
          write(vcpu, port, access.size, value)
        }
      } catch {
        vcpu.injectPageFault(address: address, errorCode: isInput ? 2 : 0, frame)
        return .faulted
      }
      let isFinished = access.finishElement(&registers, flags)
      frame[].generalRegisters = registers
      let breakpoints = vcpu.portBreakpoints(port, access.size)
      if isFinished {
        Emulation.retire(UInt64(instruction.length), vcpu, frame, breakpoints: breakpoints)
        return .done
      }
      frame[].leavesBySysret = false
      // Each element traps by itself.
      if breakpoints != 0 || flags.contains(.trap) {
        Emulation.trapAfterwards(vcpu, frame, breakpoints)
        return .done
      }
    }
    return .done
  }

  /// Whether the guest's own rules let the present mode use the ports.
  private static func isAllowed(_ vcpu: Ref<VCPU>, _ port: UInt16, _ size: OperandSize) -> Bool {
    if vcpu[].ioPrivilege >= (vcpu[].isKernelMode ? 1 : 3) { return true }
    let last = UInt32(port) &+ UInt32(size.byteCount) &- 1
    guard vcpu[].ioBitmap != 0, last < vcpu[].ioBitmapPorts else { return false }
    // The bitmap is in kernel memory, which user mode's page tables do not show.
    let wasUser = !vcpu[].isKernelMode
    if wasUser, let table = vcpu[].kernelTable { Registers.setPageTable(table) }
    defer { if wasUser, let table = vcpu[].userTable { Registers.setPageTable(table) } }
    for each in UInt32(port)...last {
      guard
        let byte = try? GuestMemory.read(
          LinearAddress(vcpu[].ioBitmap &+ UInt64(each &>> 3)), as: UInt8.self, initial: 0),
        byte &>> UInt8(each & 7) & 1 == 0
      else { return false }
    }
    return true
  }

  /// Whether the domain reaches the device behind the ports.
  public static func isPermitted(_ domain: Ref<Domain>, _ port: UInt16, count: UInt16) -> Bool {
    isPermitted(domain, UInt32(port), through: UInt32(port) &+ UInt32(count) &- 1)
  }

  /// Whether the domain reaches the devices behind all ports from `first` to `last`: any but the hypervisor's own with
  /// hardware, those that it has been given without.
  public static func isPermitted(_ domain: Ref<Domain>, _ first: UInt32, through last: UInt32) -> Bool {
    guard
      domain[].mayUseHardware
        || domain[].deviceRights.withLock({ $0.ports.contains(UInt64(first), through: UInt64(last)) })
    else { return false }
    // The legacy interrupt controllers and the interval timer are ours; so is the serial port that the console uses.
    let kept: InlineArray<4, (UInt32, UInt32)> = [(0x20, 0x21), (0xa0, 0xa1), (0x40, 0x43), Self.consolePorts]
    for index in kept.indices where first <= kept[index].1 && last >= kept[index].0 { return false }
    return last <= 0xffff
  }

  private static var consolePorts: (UInt32, UInt32) {
    guard let port = Ref<Console>.shared[].port else { return (UInt32.max, UInt32.max) }
    return (UInt32(port.base), UInt32(port.base) &+ 7)
  }

  static func read(_ vcpu: Ref<VCPU>, _ port: UInt16, _ size: OperandSize) -> UInt32 {
    let domain = vcpu[].domain
    if port & 0xfffc == 0xcfc || port == 0xcf8, domain[].mayUseHardware {
      return PCIConfiguration.read(domain, port, size)
    }
    guard isPermitted(domain, port, count: UInt16(size.byteCount)) else {
      return UInt32(truncatingIfNeeded: size.mask)
    }
    switch size {
    case .byte: return UInt32(Ports.in8(port))
    case .word: return UInt32(Ports.in16(port))
    default: return Ports.in32(port)
    }
  }

  static func write(_ vcpu: Ref<VCPU>, _ port: UInt16, _ size: OperandSize, _ value: UInt32) {
    let domain = vcpu[].domain
    if port & 0xfffc == 0xcfc || port == 0xcf8, domain[].mayUseHardware {
      return PCIConfiguration.write(domain, port, size, value)
    }
    guard isPermitted(domain, port, count: UInt16(size.byteCount)) else { return }
    switch size {
    case .byte: Ports.out8(port, UInt8(truncatingIfNeeded: value))
    case .word: Ports.out16(port, UInt16(truncatingIfNeeded: value))
    default: Ports.out32(port, value)
    }
  }
}

/// PCI configuration through ports 0xcf8 and 0xcfc: the address is kept for the domain, and both steps are one under a lock.
enum PCIConfiguration {
  static func read(_ domain: Ref<Domain>, _ port: UInt16, _ size: OperandSize) -> UInt32 {
    if port == 0xcf8 && size == .doubleword { return domain[].pciAddress }
    guard port & 0xfffc == 0xcfc else { return UInt32(truncatingIfNeeded: size.mask) }
    let address = domain[].pciAddress
    guard address & 0x8000_0000 != 0 else { return UInt32(truncatingIfNeeded: size.mask) }
    return Ref<Hypervisor>.shared[].configuration.withLock { _ in
      Ports.out32(0xcf8, address)
      switch size {
      case .byte: return UInt32(Ports.in8(port))
      case .word: return UInt32(Ports.in16(port))
      default: return Ports.in32(port)
      }
    }
  }

  static func write(_ domain: Ref<Domain>, _ port: UInt16, _ size: OperandSize, _ value: UInt32) {
    if port == 0xcf8 {
      if size == .doubleword { domain[].pciAddress = value }
      return
    }
    let address = domain[].pciAddress
    guard address & 0x8000_0000 != 0 else { return }
    Ref<Hypervisor>.shared[].configuration.withLock { _ in
      Ports.out32(0xcf8, address)
      switch size {
      case .byte: Ports.out8(port, UInt8(truncatingIfNeeded: value))
      case .word: Ports.out16(port, UInt16(truncatingIfNeeded: value))
      default: Ports.out32(port, value)
      }
    }
  }
}
