// SPDX-License-Identifier: Apache-2.0
// A bug of the hypervisor's own: what is known of it goes to the console, for every CPU, and the machine ends. Nothing here waits
// for another CPU without a bound, and a bug in here costs one more line, not the rest.
import Machine
import XenABI

extension MachineEnd {
  /// A bug of ours, found in `frame`: says what is known, and ends the machine. `why` is the kind of bug where the frame is
  /// not an exception's.
  @inline(never)
  public static func panic(_ why: StaticString, _ frame: Ref<TrapFrame>) -> Never {
    switch PanicState.claim(frame) {
    case .late: Registers.stop()
    case .nested: nestedPanic(why, frame)
    case .first: break
    }
    stopOthersForPanic()
    if Ref<Console>.isPublished { Ref<Console>.shared.beginPanic() }
    Log.write(.error, "")
    Log.write(.error, "****************************************")
    Log.write(.error) {
      $0.put("Panic on CPU ")
      $0.put(decimal: UInt64(CPUs.current))
      $0.put(": ")
      PanicReason.describe(frame[], why, &$0)
    }
    // The banks keep what they tell of: whoever looks after the machine finds it after the next start.
    if frame[].vector & 0xff == 18 { MachineCheck.tell(andForget: false) }
    registers(frame[])
    Backtrace.print(rip: frame[].rip, rbp: frame[].rbp)
    if Ref<Hypervisor>.isPublished {
      guest(of: CPUs.current)
      for cpu in 0..<CPUs.started where cpu != CPUs.current && CPUs.isOnline(cpu) { otherCPU(cpu) }
    }
    Log.write(.error, "****************************************")
    Registers.writeBackCaches()
    end()
  }

  /// A bug while a panic is being told: one line, and no second try to tell more.
  private static func nestedPanic(_ why: StaticString, _ frame: Ref<TrapFrame>) -> Never {
    guard PanicState.countNested() == 1 else { Registers.stop() }
    Log.write(.error) {
      $0.put("a panic within the panic: ")
      PanicReason.describe(frame[], why, &$0)
    }
    end()
  }

  /// Stops the other CPUs by NMI, which nothing masks, and waits a bounded time until each has left its registers behind.
  private static func stopOthersForPanic() {
    for cpu in 0..<CPUs.started where cpu != CPUs.current && CPUs.isOnline(cpu) {
      LocalAPIC.sendNMI(to: cpu)
      var patience = 2_000_000
      while PanicState.frame(of: cpu) == nil && patience > 0 {
        patience &-= 1
        Registers.pause()
      }
    }
  }

  private static func registers(_ f: TrapFrame) {
    GuestDump.row("rip", f.rip, "cs ", f.cs & 0xffff, "rfl", f.rflags)
    GuestDump.row("rsp", f.rsp, "ss ", f.ss & 0xffff, "err", UInt64(f.vector & 0xff) &<< 32 | UInt64(f.error_code))
    GuestDump.general(f)
    GuestDump.row("cr0", Registers.cr0, "cr3", Registers.cr3, "cr4", Registers.cr4)
  }

  /// Where another CPU was when it was stopped.
  private static func otherCPU(_ cpu: Int) {
    guard let frame = PanicState.frame(of: cpu) else {
      Log.write(.error) {
        $0.put("CPU ")
        $0.put(decimal: UInt64(cpu))
        $0.put(": does not answer; what it did last:")
      }
      return guest(of: cpu)
    }
    let f = frame[]
    Log.write(.error) {
      $0.put("CPU ")
      $0.put(decimal: UInt64(cpu))
      $0.put(f.isGuest ? ": in the guest" : ": in the hypervisor")
    }
    if f.isGuest { return guest(of: cpu, frame) }
    GuestDump.row("rip", f.rip, "rsp", f.rsp, "rfl", f.rflags)
    Backtrace.print(rip: f.rip, rbp: f.rbp, limit: 12)
    guest(of: cpu)
  }

  /// The vCPU whose state a CPU holds: with the registers of `frame`, or those on the CPU's stack.
  private static func guest(of number: Int, _ frame: Ref<TrapFrame>? = nil) {
    guard let cpu = Ref<Hypervisor>.shared[].cpus[number], let vcpu = cpu[].vcpu else { return }
    if cpu[].isIdle { Log.write(.error, "idle; the last to run here:") }
    GuestDump.print(vcpu, (frame ?? PanicState.guestFrame(of: number))[])
  }
}

/// What a trap in the hypervisor says of the bug.
enum PanicReason {
  /// Puts the reason in words, with the function's name.
  static func describe(_ f: TrapFrame, _ why: StaticString, _ line: inout TextLine) {
    let vector = UInt8(truncatingIfNeeded: f.vector)
    guard f.vector & 0xff < 32 else { return line.put(why) }
    switch vector {
    case ExceptionVector.invalidOpcode:
      // What the compiler puts where a check of the language or of ours has failed.
      line.put(ImageText.word16(at: f.rip) == 0x0b0f ? "a Swift trap (bug)" : "an invalid instruction")
    case ExceptionVector.pageFault:
      let code = f.error_code
      line.put("a page fault: ")
      line.put(code & 16 != 0 ? "execution" : code & 2 != 0 ? "write" : "read")
      line.put(" at ")
      line.put(hex: Registers.cr2, digits: 16)
      line.put(code & 8 != 0 ? ", reserved bits" : code & 1 != 0 ? ", not allowed there" : ", not mapped")
    case ExceptionVector.doubleFault: line.put("a double fault (stack overflow?)")
    case 18: line.put("a machine check: the hardware reports an error of its own")
    case ExceptionVector.divide: line.put("a division error")
    case ExceptionVector.breakpoint: line.put("a breakpoint")
    case 4: line.put("an overflow trap")
    case ExceptionVector.deviceNotAvailable: line.put("use of the FPU")
    case ExceptionVector.invalidTSS: line.put("an invalid task state")
    case ExceptionVector.segmentNotPresent: line.put("a segment that is not present")
    case ExceptionVector.stackFault: line.put("a stack fault")
    case ExceptionVector.generalProtection: line.put("a general protection fault")
    case ExceptionVector.alignmentCheck: line.put("an alignment check")
    default:
      line.put("exception ")
      line.put(decimal: UInt64(vector))
    }
    line.put(" in")
    SymbolTable.describe(f.rip, &line)
  }
}
