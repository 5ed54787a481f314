// SPDX-License-Identifier: Apache-2.0
//
// What the attacks share. An attack is a guest whose body does what no guest may do and checks what it can see of it; it is
// run as a domain beside a healthy one, and the flow that runs it (Integration/domain0-fast/scenarios/attacks.sh) looks at
// the rest of the machine. On the command line:
//   victim= vframe= vtable= vgrant= vport=   the healthy domain, a frame and the top table of it, a grant and a port
//   die=MS    a second vCPU ends the domain after so many milliseconds, wherever the attack is then
//   seconds=N for how long those go on that can, if it is more than they go on anyway
//   seed=N    of the random numbers

import CGuestKit
import GuestKit

/// What the command line says about the healthy domain; Domain 0 and the frames from 1 MiB on when it says nothing.
enum Victim {
  /// Its number.
  static var domain: UInt16 { UInt16(truncatingIfNeeded: StartInfo.number("victim=") ?? 0) }
  /// A machine frame with data of its.
  static var frame: UInt64 { StartInfo.number("vframe=") ?? 0x100 }
  /// The machine frame of its top page table.
  static var table: UInt64 { StartInfo.number("vtable=") ?? 0x101 }
  /// A grant that it has made to Domain 0.
  static var grant: UInt32 { UInt32(truncatingIfNeeded: StartInfo.number("vgrant=") ?? 9) }
  /// A port that waits for Domain 0.
  static var port: UInt32 { UInt32(truncatingIfNeeded: StartInfo.number("vport=") ?? 5) }
}

/// Domains that are not the caller: the victim, Domain 0, the three special ones, none, DOMID_INVALID.
func otherDomains() -> [UInt16] {
  [Victim.domain, 0, ioDomain, hypervisorDomain, 0x7ff3, 0x7ff4, 0x7ff5, 0x7fef, 30000]
}

/// Frames that are not the caller's: the victim's, low memory, the local APIC and I/O APIC, a PCI hole, the end of RAM, past
/// the end, wider than any address.
func foreignFrames() -> [UInt64] {
  let last = UInt64(max(0, hypercall(__HYPERVISOR_memory_op, UInt64(XENMEM_maximum_ram_page))))
  return [
    Victim.frame, Victim.frame + 1, Victim.table, 0, 1, 0x9f, 0xa0, 0xf0, 0x100, 0x200, 0xfee00, 0xfec00, 0xfed00,
    0xfd000,
    last, last + 1, last + 2, 0xff_ffff_ffff, 0xf_ffff_ffff_ffff, ~0,
  ]
}

/// Numbers that are wrong as a pointer, a count, an index or a frame.
let hostileWords: [UInt64] = [
  0, 1, 7, 0x1000, 0xfff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0x7fff_ffff_f000, 0x8000_0000_0000,
  0x8000_0000_0000_0000, 0xffff_7fff_ffff_ffff, 0xffff_8000_0000_0000, 0xffff_8200_0000_0000, 0xffff_8280_0010_0000,
  0xffff_8300_0000_0000, 0xffff_82d0_4000_0000, 0xffff_87ff_ffff_fff8, 0xffff_ffff_ffff_f000, ~7, ~0,
]

private var randomState: UInt64 = 0

/// The next random number (xorshift64*), from `seed=`.
func random() -> UInt64 {
  if randomState == 0 { randomState = (StartInfo.number("seed=") ?? 1) &* 0x9e37_79b9_7f4a_7c15 | 1 }
  randomState ^= randomState >> 12
  randomState ^= randomState << 25
  randomState ^= randomState >> 27
  return randomState &* 0x2545_f491_4f6c_dd1d
}

/// A random number below `limit`.
func random(below limit: UInt64) -> UInt64 { random() % limit }

/// A word that is likely to hurt: hostile, small, an own frame or address, or random.
func randomWord() -> UInt64 {
  switch random(below: 8) {
  case 0, 1: hostileWords[Int(random(below: UInt64(hostileWords.count)))]
  case 2: random(below: 64)
  case 3: Frames.machine(page: random(below: StartInfo.pageCount))
  case 4: virtualBase + random(below: StartInfo.pageCount) * pageSize
  case 5: UInt64(selfDomain) | random(below: 4) << 32
  case 6: Victim.frame + random(below: 4)
  default: random()
  }
}

/// Says that the attack got what it must not get, and ends the domain as crashed. The flow looks for this word.
func breach(_ what: StaticString, _ number: UInt64 = 0) -> Never {
  Console.put("BREACH ")
  Console.put(what)
  Console.put(" ")
  Console.put(hex: number)
  Console.end()
  Runner.shutdown(SHUTDOWN_crash)
}

/// Checks that a call was refused with any error.
@inline(never)
func refused(_ what: StaticString, _ result: Int, _ number: UInt64 = 0) {
  if result >= 0 { breach(what, number) }
}

/// Checks that a call was refused with one of the errors that its contract names.
@inline(never)
func refused(_ what: StaticString, _ result: Int, with first: Int, or second: Int = 0) throws(Failure) {
  if result >= 0 { breach(what, UInt64(bitPattern: Int64(result))) }
  if result != first && (second == 0 || result != second) { try expect(what, result, first) }
}

/// An attack: a guest whose name begins with `attack-`, with the second vCPU's sentence of death if `die=` asks for it.
func attack(_ name: StaticString, _ does: StaticString, _ body: @escaping () throws(Failure) -> Void) -> Guest {
  Guest(name, does) { () throws(Failure) in
    guard let delay = StartInfo.number("die=") else {
      try body()
      return
    }
    try expect(
      "a second vCPU",
      VCPU.initialise(1) { _ in
        Time.spin(delay &* 1_000_000)
        Runner.shutdown(SHUTDOWN_poweroff)
      }, 0)
    try expect("it is up", VCPU.operate(VCPUOP_up, 1), 0)
    try body()
    while true { gk_pause() }
  }
}

/// Runs `step` for `milliseconds`.
func storm(_ milliseconds: UInt64, _ step: () throws(Failure) -> Void) throws(Failure) {
  let end = Time.system() &+ milliseconds &* 1_000_000
  while Time.system() < end { try step() }
}
