// SPDX-License-Identifier: Apache-2.0
// A vCPU's whole state as a guest or a tool gives it (struct vcpu_guest_context, xen/arch-x86/xen.h).
import Frames
import Machine
import XenABI

/// Loading a context.
public enum GuestContext {
  /// Gives a vCPU that has never run, or one that is at rest, the state that stands at `address` in the current guest's memory. One
  /// that has a state already keeps its page tables and descriptor tables.
  ///
  /// - Throws: `fault`; `invalid` for tables, descriptors or addresses that it cannot have; `notSupported` for other tables than it
  ///   has already; `restart` when preempted (nothing has changed then but what the next try finds done).
  /// - Returns: The context's flags (VGCF_*) and assists, which are the caller's to act on: each is read once.
  public static func load(
    _ vcpu: Ref<VCPU>, from address: LinearAddress
  ) throws(XenError) -> (flags: UInt64, assists: UInt64) {
    func word(_ offset: Int) throws(XenError) -> UInt64 {
      do { return try GuestMemory.read64(address + UInt64(offset)) } catch { throw .fault }
    }
    let domain = vcpu[].domain
    let flags = try word(VCPUContextLayout.flags)
    let assists = try word(VCPUContextLayout.assists)
    // Everything that can be refused comes first.
    var registers = TrapFrame.zero
    var raw = InlineArray<25, UInt64>(repeating: 0)
    do {
      raw = try GuestMemory.read(
        address + UInt64(VCPUContextLayout.userRegisters), as: InlineArray<25, UInt64>.self, initial: raw)
    } catch { throw .fault }
    registers.r15 = raw[0]
    registers.r14 = raw[1]
    registers.r13 = raw[2]
    registers.r12 = raw[3]
    registers.rbp = raw[4]
    registers.rbx = raw[5]
    registers.r11 = raw[6]
    registers.r10 = raw[7]
    registers.r9 = raw[8]
    registers.r8 = raw[9]
    registers.rax = raw[10]
    registers.rcx = raw[11]
    registers.rdx = raw[12]
    registers.rsi = raw[13]
    registers.rdi = raw[14]
    registers.rip = raw[16]
    registers.cs = raw[17] & 0xffff | 3
    registers.rflags = raw[18] & FlagsRegister.guestMay | 2 | FlagsRegister.interrupt
    registers.rsp = raw[19]
    registers.ss = raw[20] & 0xffff | 3
    guard LinearAddress(registers.rip).isCanonical else { throw .invalid }
    var callbacks = GuestCallbacks()
    callbacks.event = try word(VCPUContextLayout.eventCallback)
    callbacks.failsafe = try word(VCPUContextLayout.failsafeCallback)
    callbacks.syscall = try word(VCPUContextLayout.syscallCallback)
    callbacks.failsafeMasksEvents = flags & 8 != 0
    callbacks.syscallMasksEvents = flags & 16 != 0
    let fsBase = try word(VCPUContextLayout.fsBase)
    let gsKernel = try word(VCPUContextLayout.gsBaseKernel)
    let gsUser = try word(VCPUContextLayout.gsBaseUser)
    let addresses: InlineArray<6, UInt64> = [
      callbacks.event, callbacks.failsafe, callbacks.syscall, fsBase, gsKernel, gsUser,
    ]
    for index in addresses.indices where !LinearAddress(addresses[index]).isCanonical { throw .invalid }
    let ldtBase = try word(VCPUContextLayout.ldtBase)
    let ldtEntries = try word(VCPUContextLayout.ldtEntries)
    guard ldtEntries <= 8192, ldtBase & 0xfff == 0 || ldtEntries == 0, LinearAddress(ldtBase).isCanonical,
      !LinearAddress(ldtBase).isHypervisor
    else { throw .invalid }
    let gdtEntries = try word(VCPUContextLayout.gdtEntries)
    guard gdtEntries <= 7168 else { throw .invalid }
    let gdtCount = (Int(gdtEntries) &+ 511) / 512
    var gdt = InlineArray<16, MachineFrame>(repeating: .invalid)
    for page in 0..<gdtCount {
      gdt[page] = MachineFrame(try word(VCPUContextLayout.gdtFrames &+ page &* 8))
    }
    let control = try word(VCPUContextLayout.control)
    func debug(_ index: Int) throws(XenError) -> UInt64 { try word(VCPUContextLayout.debug &+ index &* 8) }
    let kernelTable = MachineFrame(physical: try word(VCPUContextLayout.control &+ 24))
    let userRaw = try word(VCPUContextLayout.control &+ 8)
    let userTable: MachineFrame? = userRaw & PTE.frameMask == 0 ? nil : MachineFrame(physical: userRaw & PTE.frameMask)
    let tables = Tables(
      kernel: kernelTable, user: userTable, gdt: gdt, gdtEntries: Int(gdtEntries), ldtBase: ldtBase,
      ldtEntries: Int(ldtEntries))
    if vcpu[].isInitialised {
      guard tables.areThose(of: vcpu) else { throw .notSupported }
      try loadTraps(vcpu, address)
    } else {
      try loadTraps(vcpu, address)
      try tables.use(domain)
    }
    // From here on nothing fails.
    vcpu[].registers = registers
    // The flags' I/O privilege level is the vCPU's, as PHYSDEVOP_set_iopl would set it.
    vcpu[].ioPrivilege = UInt8(raw[18] &>> 12 & 3)
    vcpu[].es = UInt16(truncatingIfNeeded: raw[21])
    vcpu[].ds = UInt16(truncatingIfNeeded: raw[22])
    vcpu[].fs = UInt16(truncatingIfNeeded: raw[23])
    vcpu[].gs = UInt16(truncatingIfNeeded: raw[24])
    vcpu[].isKernelMode = flags & 4 != 0
    vcpu[].callbacks = callbacks
    vcpu[].fsBase = fsBase
    vcpu[].gsBaseKernel = gsKernel
    vcpu[].gsBaseUser = gsUser
    vcpu[].kernelStackSegment =
      ((try? GuestMemory.read64(address + UInt64(VCPUContextLayout.kernelStackSegment))) ?? 0) | 3
    vcpu[].kernelStackPointer = (try? GuestMemory.read64(address + UInt64(VCPUContextLayout.kernelStackPointer))) ?? 0
    if !vcpu[].isInitialised { tables.set(vcpu) }
    vcpu[].taskSwitched = control & 8 != 0
    vcpu[].cr0 = vcpu[].cr0 & ~8 | control & 8
    vcpu[].cr4 = vcpu.possibleCR4((try? GuestMemory.read64(address + UInt64(VCPUContextLayout.control &+ 32))) ?? 0)
    for index in 0..<8 where index & 6 != 4 {
      guard let value = try? debug(index),
        let clean = try? ControlEmulation.debugValue(index, value, cr4: vcpu[].cr4)
      else { continue }
      vcpu[].debug[index] = clean
    }
    if flags & 1 != 0 {
      let area = vcpu[].extendedState
      _ = GuestMemory.read(address, frame: area.frame, offset: area.offset, count: 512)
      area.adoptLegacyImage(keepsOthers: vcpu[].isInitialised)
    }
    if vcpu[].isInitialised { return (flags, assists) }
    vcpu[].info.isMasked = true
    vcpu[].isInitialised = true
    vcpu.publishTime()
    return (flags, assists)
  }

  /// Page tables and descriptor tables, as a context names them.
  private struct Tables {
    var kernel: MachineFrame
    var user: MachineFrame?
    var gdt: InlineArray<16, MachineFrame>
    var gdtEntries: Int
    var ldtBase: UInt64
    var ldtEntries: Int
    var gdtPages: Int { (gdtEntries &+ 511) / 512 }

    /// Whether the vCPU has exactly these.
    func areThose(of vcpu: Ref<VCPU>) -> Bool {
      guard vcpu[].kernelTable == kernel, vcpu[].userTable == user, vcpu[].gdtEntries == gdtEntries,
        vcpu[].ldtEntries == ldtEntries, vcpu[].ldtBase == ldtBase || ldtEntries == 0
      else { return false }
      for page in 0..<gdtPages where vcpu.gdtFrame(page) != gdt[page] { return false }
      return true
    }

    /// Counts the domain's use of all of them, or of none. Page tables may be preempted, so they come first and one by one.
    func use(_ domain: Ref<Domain>) throws(XenError) {
      try domain.changingTables { session throws(XenError) in
        try ledger[].use(kernel, level: 4, &session)
        guard let user else { return }
        do throws(XenError) {
          try ledger[].use(user, level: 4, &session)
        } catch {
          ledger[].stopUsing(kernel, &session.work)
          throw error
        }
      }
      for page in 0..<gdtPages {
        do { try ledger[].useDescriptors(gdt[page], owner: domain[].id) } catch {
          for earlier in 0..<page { ledger[].stopUsingDescriptors(gdt[earlier]) }
          domain.changingTables { session in
            ledger[].stopUsing(kernel, &session.work)
            if let user { ledger[].stopUsing(user, &session.work) }
          }
          throw .invalid
        }
      }
    }

    /// Gives them to a vCPU that has none.
    func set(_ vcpu: Ref<VCPU>) {
      for page in 0..<gdtPages { vcpu[].gdtFrames[page] = gdt[page] }
      vcpu[].gdtEntries = gdtEntries
      vcpu[].ldtBase = ldtBase
      vcpu[].ldtEntries = ldtEntries
      vcpu[].kernelTable = kernel
      vcpu[].userTable = user
    }
  }

  private static func loadTraps(_ vcpu: Ref<VCPU>, _ address: LinearAddress) throws(XenError) {
    let start = address + UInt64(VCPUContextLayout.traps)
    for vector in 0..<256 {
      var words = InlineArray<2, UInt64>(repeating: 0)
      do {
        words = try GuestMemory.read(start + UInt64(vector) &* 16, as: InlineArray<2, UInt64>.self, initial: words)
      } catch {
        throw .fault
      }
      guard LinearAddress(words[1]).isCanonical else { throw .invalid }
      try vcpu.setTrap(vector: UInt8(vector), word: words[0], address: words[1])
    }
  }
}
