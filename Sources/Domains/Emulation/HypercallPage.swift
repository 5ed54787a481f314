// SPDX-License-Identifier: Apache-2.0
// The page of hypercall stubs that a guest kernel calls: 128 of them, 32 bytes each (xen/arch-x86/xen.h; Linux's hypercall.h).
import Machine
import XenABI

/// Filling the page.
public enum HypercallPage {
  /// Fills a frame with the stubs.
  public static func fill(_ frame: MachineFrame) {
    PhysicalWindow.clear(frame)
    for number in 0..<128 {
      let at = number &* 32
      if number == 23 {
        // iret: the frame that the call expects on the stack has rcx, r11 and rax below the rest.
        put(
          frame, at, [0x51, 0x41, 0x53, 0x50, 0xb8, UInt8(number), 0, 0, 0, 0x0f, 0x05, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc])
      } else {
        // push rcx; push r11; mov eax, number; syscall; pop r11; pop rcx; ret
        put(
          frame, at, [0x51, 0x41, 0x53, 0xb8, UInt8(number), 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3, 0xcc, 0xcc])
      }
    }
  }

  private static func put(_ frame: MachineFrame, _ offset: Int, _ bytes: InlineArray<16, UInt8>) {
    for index in bytes.indices { PhysicalWindow.store8(frame, byte: offset &+ index, bytes[index]) }
  }

  /// A guest has written the address of a page of its own, as it counts its memory, to the hypercall page register. PV guests
  /// name the page by an ELF note instead; this way needs a translation that only the guest has, so it is refused.
  static func write(_ vcpu: Ref<VCPU>, guestPhysical: UInt64) -> Bool { false }
}
