// SPDX-License-Identifier: Apache-2.0
// Random calls about descriptors, vCPUs, memory and the vCPU's own state.
import Domains
import Frames
import Machine
import XenABI

extension Episode {
  /// A segment descriptor: often one that may be loaded.
  private func descriptor() -> UInt64 {
    switch random.below(6) {
    case 0: return random.next()
    case 1: return random.next() & ~(1 << 47)
    case 2: return 0x00cf_f300_0000_ffff
    case 3: return 0x00af_9b00_0000_ffff
    case 4: return 0x0000_8900_0000_0067
    default: return 0
    }
  }

  /// `update_descriptor` and `set_gdt`.
  func descriptorCall(_ guest: Guest) -> Call {
    if random.chance(60) {
      return Call(
        10, frame(guest, level: random.chance(90) ? 0 : 1).number << 12 | UInt64(random.below(512)) << 3, descriptor())
    }
    let count = random.below(4)
    let start = cursor
    // Frames that are cleared make good descriptor pages.
    for _ in 0..<count {
      put(random.chance(70) ? guest.data[guest.data.count - 1 - random.below(8)].number : frame(guest, level: 0).number)
    }
    return Call(2, pointer(cursor - start), random.chance(90) ? UInt64(count * 512) : random.number())
  }

  /// `vcpu_op`.
  func vcpuCall(_ guest: Guest) -> Call {
    let command = random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 11, 12, 13, 14] as [UInt64])
    let start = cursor
    switch command {
    case 0: return initialiseCall(guest)
    case 5, 13: put(random.chance(80) ? Guest.dataPage(random.below(16)) : linear())
    case 10:
      put(frame(guest, level: random.chance(90) ? 0 : 1).number)
      put(UInt64(random.below(520)) * 8)
    default: for _ in 0..<4 { put(random.number()) }
    }
    return Call(
      24, command, random.chance(95) ? UInt64(random.below(Guest.vcpuCount)) : random.number(), pointer(cursor - start))
  }

  /// VCPUOP_initialise with a context that could do.
  private func initialiseCall(_ guest: Guest) -> Call {
    beginArguments()
    cursor = 0x1000
    for _ in 0..<(5168 / 8) { self.put(0) }
    func put(_ offset: Int, _ value: UInt64) {
      _ = try? GuestMemory.write(LinearAddress(Guest.argument(1) + UInt64(offset)), value)
    }
    put(VCPUContextLayout.flags, random.pick([4, 5, 0, random.next()]))
    put(VCPUContextLayout.userRegisters + 128, random.chance(95) ? Guest.code : random.next())
    put(VCPUContextLayout.userRegisters + 152, Guest.stack)
    put(VCPUContextLayout.control + 24, frame(guest, level: 4).number << 12)
    if random.chance(50) { put(VCPUContextLayout.control + 8, frame(guest, level: 4).number << 12) }
    if random.chance(30) {
      put(VCPUContextLayout.gdtEntries, UInt64(random.below(1500)))
      for page in 0..<3 { put(VCPUContextLayout.gdtFrames + page * 8, guest.data[guest.data.count - 1 - page].number) }
    }
    put(VCPUContextLayout.syscallCallback, Guest.code)
    put(VCPUContextLayout.failsafeCallback, Guest.code)
    put(VCPUContextLayout.kernelStackPointer, Guest.stack)
    return Call(24, 0, UInt64(random.below(Guest.vcpuCount)), Guest.argument(1))
  }

  /// Makes a `memory_op` call, and notes the frames that it may have given the guest.
  func makeMemoryCall(_ guest: Guest) {
    make(memoryCall(guest))
    for offset in [0x2000, 0x2008, 0x2010, 0x3000, 0x3008] as [UInt64] {
      guard let number = try? GuestMemory.read64(LinearAddress(Guest.base + offset)) else { continue }
      if ledger[].covers(MachineFrame(number)) { guest.adopt(MachineFrame(number)) }
    }
  }

  /// `memory_op`: reservations of the guest's own and of others, exchange, maps.
  func memoryCall(_ guest: Guest) -> Call {
    let command = random.pick([0, 1, 1, 6, 6, 11, 2, 3, 4, 5, 7, 8, 9, 10, 12, 14, 15, 17, 24, 26, 28] as [UInt64])
    let start = cursor
    let list = Guest.argument(2)
    func extents(_ at: UInt64, _ count: Int) {
      for index in 0..<count {
        let frame =
          random.chance(60) ? guest.data[guest.data.count - 1 - random.below(8)] : frame(guest, level: random.below(3))
        _ = try? GuestMemory.write(LinearAddress(at + UInt64(index) * 8), frame.number)
      }
    }
    func reservation(_ at: UInt64, _ count: Int, _ order: UInt64) {
      extents(at, count)
      put(at)
      put(random.chance(95) ? UInt64(count) : random.number())
      put(order | (random.chance(80) ? 0 : random.number() << 32))
      put(UInt64(random.chance(85) ? DomainID.current.raw : domainNumber()))
    }
    let order = random.chance(80) ? 0 : random.number() & 0xffff_ffff
    switch command {
    case 0, 1, 6: reservation(list, 1 + random.below(3), order)
    case 11:
      let count = 1 + random.below(2)
      reservation(list, count, order)
      reservation(list + 0x1000, random.chance(90) ? count : 3 - count, random.chance(80) ? 0 : order)
      put(random.chance(90) ? 0 : random.number())
    case 2, 3, 4: put(UInt64(domainNumber()))
    default:
      put(random.chance(50) ? UInt64(domainNumber()) : random.number())
      for _ in 0..<5 { put(random.chance(30) ? list : random.number()) }
    }
    return Call(12, command | (random.chance(97) ? 0 : random.number() << 6), pointer(cursor - start))
  }

  /// The small calls about the vCPU's own state, and the way back to what was interrupted.
  func stateCall(_ guest: Guest) -> Call {
    switch random.below(8) {
    case 0: return Call(3, random.number(), random.chance(95) ? Guest.stack : random.next())
    case 1: return Call(5, random.number())
    case 2: return Call(8, random.number(), random.number())
    case 3: return Call(9, random.number())
    case 4: return Call(25, random.number(), random.chance(50) ? Guest.base : random.number())
    case 5: return Call(21, random.number(), random.number())
    case 6: return Call(15, random.chance(50) ? 0 : random.next() >> 35)
    default:
      // To the kernel itself or to user mode; the stack is where the context stands.
      let start = cursor
      for word in [
        0, 0, 0, random.number() & 0x1ff, Guest.code, random.chance(50) ? 0xe033 : 0xe030, 0x202, Guest.stack, 0xe02b,
      ] as [UInt64] {
        put(word)
      }
      load(Call(0))
      machine.frame[].rsp = Guest.argument(0) + UInt64(start)
      return Call(Call.iret)
    }
  }
}
