// SPDX-License-Identifier: Apache-2.0
// A vCPU's whole state as a tool reads it (struct vcpu_guest_context, xen/arch-x86/xen.h).
import Frames
import Machine
import XenABI

extension GuestContext {
  /// Writes the state of a vCPU, which is at rest, at `address` in the current guest's memory.
  ///
  /// - Throws: `fault`.
  public static func store(_ vcpu: Ref<VCPU>, to address: LinearAddress) throws(XenError) {
    func put(_ offset: Int, _ value: UInt64) throws(XenError) {
      do { try GuestMemory.write(address + UInt64(offset), value) } catch { throw .fault }
    }
    let area = vcpu[].extendedState
    guard GuestMemory.write(address, frame: area.frame, offset: area.offset, count: 512) == 512 else { throw .fault }
    try put(VCPUContextLayout.flags, flags(vcpu))
    let registers = general(vcpu)
    do { try GuestMemory.write(address + UInt64(VCPUContextLayout.userRegisters), registers) } catch { throw .fault }
    for vector in 0..<256 {
      let place = VCPUContextLayout.traps &+ vector &* 16
      let trap = vcpu.trapEntry(UInt8(truncatingIfNeeded: vector))
      // The vector, the flags, the selector: a byte, a byte, two bytes.
      try put(place, UInt64(vector) | (trap.info & 0xff) &<< 8 | trap.info & 0xffff_0000)
      try put(place &+ 8, trap.address)
    }
    try put(VCPUContextLayout.ldtBase, vcpu[].ldtBase)
    try put(VCPUContextLayout.ldtEntries, UInt64(vcpu[].ldtEntries))
    for page in 0..<16 {
      let isUsed = page &* 512 < vcpu[].gdtEntries
      try put(VCPUContextLayout.gdtFrames &+ page &* 8, isUsed ? vcpu[].gdtFrames[page].number : 0)
    }
    try put(VCPUContextLayout.gdtEntries, UInt64(vcpu[].gdtEntries))
    try put(VCPUContextLayout.kernelStackSegment, vcpu[].kernelStackSegment)
    try put(VCPUContextLayout.kernelStackPointer, vcpu[].kernelStackPointer)
    // CR0 as the guest sees it; CR1 is where the ABI has user mode's tables; CR3 the kernel's; CR4.
    try put(VCPUContextLayout.control, vcpu[].cr0 | (vcpu[].taskSwitched ? 8 : 0))
    try put(VCPUContextLayout.control &+ 8, vcpu[].userTable?.physical ?? 0)
    try put(VCPUContextLayout.control &+ 16, 0)
    try put(VCPUContextLayout.control &+ 24, vcpu[].kernelTable?.physical ?? 0)
    try put(VCPUContextLayout.control &+ 32, vcpu[].cr4)
    for index in 5..<8 { try put(VCPUContextLayout.control &+ index &* 8, 0) }
    for index in 0..<8 { try put(VCPUContextLayout.debug &+ index &* 8, vcpu.debugRegisterAtRest(index)) }
    try put(VCPUContextLayout.eventCallback, vcpu[].callbacks.event)
    try put(VCPUContextLayout.failsafeCallback, vcpu[].callbacks.failsafe)
    try put(VCPUContextLayout.syscallCallback, vcpu[].callbacks.syscall)
    try put(VCPUContextLayout.assists, vcpu[].domain[].assists.load())
    try put(VCPUContextLayout.fsBase, vcpu[].fsBase)
    try put(VCPUContextLayout.gsBaseKernel, vcpu[].gsBaseKernel)
    try put(VCPUContextLayout.gsBaseUser, vcpu[].gsBaseUser)
  }

  /// VGCF_*: floating-point state is valid, kernel mode, which callbacks mask events, up.
  private static func flags(_ vcpu: Ref<VCPU>) -> UInt64 {
    var flags: UInt64 = 1
    if vcpu[].isKernelMode { flags |= 4 }
    if vcpu[].callbacks.failsafeMasksEvents { flags |= 8 }
    if vcpu[].callbacks.syscallMasksEvents { flags |= 16 }
    if vcpu[].holds.load() & VCPUHold.down == 0 { flags |= 32 }
    return flags
  }

  /// `struct cpu_user_regs`, as words.
  private static func general(_ vcpu: Ref<VCPU>) -> InlineArray<25, UInt64> {
    let f = vcpu[].registers
    var words = InlineArray<25, UInt64>(repeating: 0)
    words[0] = f.r15
    words[1] = f.r14
    words[2] = f.r13
    words[3] = f.r12
    words[4] = f.rbp
    words[5] = f.rbx
    words[6] = f.r11
    words[7] = f.r10
    words[8] = f.r9
    words[9] = f.r8
    words[10] = f.rax
    words[11] = f.rcx
    words[12] = f.rdx
    words[13] = f.rsi
    words[14] = f.rdi
    words[16] = f.rip
    // The saved event mask is a byte behind CS.
    words[17] = f.cs & 0xffff | (vcpu[].info.isMasked ? 1 &<< 32 : 0)
    words[18] = f.rflags | UInt64(vcpu[].ioPrivilege & 3) &<< 12
    words[19] = f.rsp
    words[20] = f.ss & 0xffff
    words[21] = UInt64(vcpu[].es)
    words[22] = UInt64(vcpu[].ds)
    words[23] = UInt64(vcpu[].fs)
    words[24] = UInt64(vcpu[].gs)
    return words
  }
}

extension Ref where T == VCPU {
  private func element(_ value: inout UInt64) -> UInt64 { value }

  /// Debug register `index` (0 to 7) while the vCPU is at rest.
  func debugRegisterAtRest(_ index: Int) -> UInt64 { element(&self[].debug[index]) }
}
