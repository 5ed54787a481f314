// SPDX-License-Identifier: Apache-2.0
// The state of a guest, for people: when it crashes, and for the debug keys.
import Machine
import XenABI

/// How often a guest's death is told with all its registers: ten in a row, then one in five seconds. A guest that crashes, is
/// restarted and crashes again would fill the console's ring with nothing else.
struct GuestDeaths: ~Copyable {
  var limit = RateLimit()
  /// How many were told without since the last with.
  private var untold: UInt64 = 0

  /// Whether this one is told with all its registers.
  static func mayTell() -> Bool {
    guard Ref<Console>.isPublished else { return false }
    let untold: UInt64? = Ref<Console>.shared[].deaths.withLock { deaths in
      guard deaths.limit.take(now: Hypervisor.now, burst: 10, interval: 5_000_000_000) else {
        deaths.untold &+= 1
        return nil
      }
      defer { deaths.untold = 0 }
      return deaths.untold
    }
    if let untold, untold > 0 {
      Log.write(.error) {
        $0.put("(registers of ")
        $0.put(decimal: untold)
        $0.put(" guests that crashed before are left out)")
      }
    }
    return untold != nil
  }
}

/// Printing guests' registers.
public enum GuestDump {
  /// The vCPU that is running on this CPU, from the frame on its stack.
  public static func current() {
    guard let vcpu = Ref<PhysicalCPU>.current[].vcpu else { return }
    print(vcpu, CPUs.guestFrame[])
    memory(CPUs.guestFrame[])
  }

  /// One vCPU with its registers.
  public static func print(_ vcpu: Ref<VCPU>, _ f: TrapFrame) {
    Log.write(.error) {
      $0.put("d")
      $0.put(decimal: UInt64(vcpu[].domain[].id.raw))
      $0.put("v")
      $0.put(decimal: UInt64(vcpu[].id.raw))
      $0.put(vcpu[].isKernelMode ? " kernel mode, cr3 " : " user mode, cr3 ")
      $0.put(hex: ((vcpu[].isKernelMode ? vcpu[].kernelTable : vcpu[].userTable) ?? .invalid).physical, digits: 16)
    }
    row("rip", f.rip, "cs ", f.cs & 0xffff, "rfl", f.rflags)
    row("rsp", f.rsp, "ss ", f.ss & 0xffff, "err", UInt64(f.vector & 0xff) &<< 32 | UInt64(f.error_code))
    general(f)
  }

  /// The general registers.
  static func general(_ f: TrapFrame) {
    row("rax", f.rax, "rbx", f.rbx, "rcx", f.rcx)
    row("rdx", f.rdx, "rsi", f.rsi, "rdi", f.rdi)
    row("rbp", f.rbp, "r8 ", f.r8, "r9 ", f.r9)
    row("r10", f.r10, "r11", f.r11, "r12", f.r12)
    row("r13", f.r13, "r14", f.r14, "r15", f.r15)
  }

  /// The instructions around RIP and the top of the stack, as far as they can be read in the current address space, which is
  /// the guest's whose registers `f` are. A guest may point anywhere: reads fault safely.
  static func memory(_ f: TrapFrame) {
    Log.write(.error) {
      $0.put("code")
      for offset in 0..<UInt64(32) {
        let address = LinearAddress(f.rip &- 12 &+ offset)
        $0.put(offset == 12 ? " <" : " ")
        if let byte = try? GuestMemory.read(address, as: UInt8.self, initial: 0) {
          $0.put(hex: UInt64(byte), digits: 2)
        } else {
          $0.put("??")
        }
        if offset == 12 { $0.put(">") }
      }
    }
    Log.write(.error, "stack")
    for line in 0..<UInt64(8) {
      let start = f.rsp &+ line &* 32
      var text = TextLine()
      var words = 0
      text.put("  ")
      text.put(hex: start, digits: 16)
      text.put(":")
      for word in 0..<UInt64(4) {
        guard let value = try? GuestMemory.read64(LinearAddress(start &+ word &* 8)) else { break }
        text.put(" ")
        text.put(hex: value, digits: 16)
        words &+= 1
      }
      if words == 0 { text.put(" not readable") }
      Ref<Console>.shared.write(text)
      if words < 4 { break }
    }
  }

  static func row(_ a: StaticString, _ x: UInt64, _ b: StaticString, _ y: UInt64, _ c: StaticString, _ z: UInt64) {
    Log.write(.error) {
      $0.put(a)
      $0.put(" ")
      $0.put(hex: x, digits: 16)
      $0.put("  ")
      $0.put(b)
      $0.put(" ")
      $0.put(hex: y, digits: 16)
      $0.put("  ")
      $0.put(c)
      $0.put(" ")
      $0.put(hex: z, digits: 16)
    }
  }
}
