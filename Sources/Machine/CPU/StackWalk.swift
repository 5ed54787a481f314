// SPDX-License-Identifier: Apache-2.0
// Following frame pointers up the stack, for a backtrace. Only ever from a panic, so nothing on the stack is believed: every
// word is read from an address that is known to be mapped.
import CMachine

/// One line of a backtrace.
public struct Caller: BitwiseCopyable {
  /// The address of code.
  public let address: UInt64
  /// Whether it is where a call returns to; if not, it is the instruction that a trap has interrupted.
  public let isReturn: Bool
}

/// A walk from callee to caller.
public struct StackWalk {
  var pointer: UInt64
  // What a trap interrupted, still to be given.
  var interrupted: UInt64 = 0

  /// Starts at a frame pointer.
  public init(framePointer: UInt64) { pointer = framePointer }

  /// Whether two words at an address lie in the mapped part of a stack: one of a started CPU's, or boot's in the image.
  static func isOnStack(_ address: UInt64) -> Bool {
    #if os(Linux)
      return false
    #else
      guard address & 7 == 0 else { return false }
      let areas = HypervisorSpace.cpuAreas
      let areasEnd = areas &+ UInt64(CPUs.started) &<< UInt64(MARTLET_CPU_AREA_SHIFT)
      if address >= areas && address < areasEnd {
        let offset = address & (1 &<< UInt64(MARTLET_CPU_AREA_SHIFT) &- 1)
        let page = Int(offset &>> 12)
        // Stacks begin at every `stackPages`-th page; of each the highest pages are mapped.
        guard page >= Int(MARTLET_AREA_STACK), page < Int(MARTLET_AREA_DEBUG_STACK) &+ CPUArea.stackPages else {
          return false
        }
        let mapped = CPUArea.mappedPages(ofStackAt: page & ~(CPUArea.stackPages &- 1))
        let last = UInt64(MARTLET_STACK_SIZE) &- 16
        return page & (CPUArea.stackPages &- 1) >= CPUArea.stackPages &- mapped
          && offset & (UInt64(MARTLET_STACK_SIZE) &- 1) <= last
      }
      // SAFETY: 1. The linker's marks; only their addresses are used.
      let data = unsafe UInt64(UInt(bitPattern: martlet_rodata_end_address()))
      let end = unsafe UInt64(UInt(bitPattern: martlet_image_end_address()))
      return address >= data && address <= end &- 16
    #endif
  }

  /// The next return address; nil at the end, or where the chain leaves the stacks. Where a trap has interrupted the
  /// hypervisor itself, the interrupted instruction's address comes next.
  public mutating func next() -> Caller? {
    if interrupted != 0 {
      let address = interrupted
      interrupted = 0
      return Caller(address: address, isReturn: false)
    }
    guard StackWalk.isOnStack(pointer) else { return nil }
    #if os(Linux)
      return nil
    #else
      // SAFETY: 1. Mapped, by the check above.
      guard let words = unsafe UnsafePointer<UInt64>(bitPattern: UInt(pointer)) else { return nil }
      let (up, address) = unsafe (words[0], words[1])
      if up == 0 {
        followTrap()
        return Caller(address: address, isReturn: true)
      }
      // A chain that does not go up would go on for ever.
      pointer = up > pointer ? up : 0
      return Caller(address: address, isReturn: true)
    #endif
  }

  #if !os(Linux)
    /// The chain ends where the entry code begins it: above the two words there, and one for alignment, is the frame of what
    /// was interrupted.
    private mutating func followTrap() {
      let place = pointer &+ 24
      pointer = 0
      guard StackWalk.isOnStack(place), StackWalk.isOnStack(place &+ UInt64(MemoryLayout<martlet_frame>.size) &- 16)
      else { return }
      // SAFETY: 1. Mapped, by the checks; plain words whatever they are.
      let frame = unsafe Ref<TrapFrame>(identity: place)[]
      guard frame.cs & 0xffff == UInt64(MARTLET_CS), frame.rip >= HypervisorSpace.image else { return }
      interrupted = frame.rip
      // Towards the stack's top, or on from a stack of its own: either way no more than the caller's limit.
      pointer = frame.rbp
    }
  #endif
}
