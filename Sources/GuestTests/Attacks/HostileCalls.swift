// SPDX-License-Identifier: Apache-2.0
//
// All hypercall numbers with all hostile values in all places. What each answers is for other guests to ask; here nothing may
// be harmed, and nothing that needs a right may succeed.

import CGuestKit
import GuestKit

/// Calls that end, stop or redirect the caller when they succeed: iret, stack_switch, set_callbacks, set_trap_table, and
/// sched_op with shutdown, block or poll.
private func endsUs(_ number: Int32, _ first: UInt64) -> Bool {
  if number == 23 || number == 3 || number == 4 || number == 0 || number == 5 { return true }
  return number == 29 && [1, 2, 3, 6].contains(first & 0xffff_ffff) || number == 6 && first & 0xffff_ffff <= 4
}

/// attack-call-matrix: every number, the same hostile value in each argument in turn and in all at once.
func callMatrix() -> Guest {
  attack("attack-call-matrix", "every hypercall with every hostile value in every argument") { () throws(Failure) in
    for number in Int32(0)..<64 where number != 23 && number != 24 {
      for value in hostileWords where !endsUs(number, value) {
        for place in 0..<6 {
          func at(_ index: Int) -> UInt64 { place == index || place == 5 ? value : 0 }
          if endsUs(number, at(0)) { continue }
          _ = hypercall(number, at(0), at(1), at(2), at(3), at(4))
        }
      }
    }
    for value in hostileWords { _ = gk_hypercall_raw(value | 64, value, value, value) }
    Traps.restore()
    try expect("hypercalls still work", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}

/// attack-suboperations: every sub-operation of every call, with hostile pointers and a page of hostile words.
func suboperations() -> Guest {
  attack("attack-suboperations", "every sub-operation with hostile pointers and with pages of hostile words") {
    () throws(Failure) in
    let page = Pages.take()
    // Those that take (command, pointer).
    for number: Int32 in [7, 12, 17, 18, 20, 21, 24, 27, 28, 29, 30, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 48] {
      for command in UInt64(0)..<48 where !endsUs(number, command) && !(number == 24 && command == 2) {
        for value in hostileWords {
          _ = hypercall(number, command, value, value, value)
          _ = hypercall(number, command, 1, value, value)
        }
        for _ in 0..<8 {
          for word in UInt64(0)..<16 { Memory.store64(page + word * 8, randomWord()) }
          _ = hypercall(number, command, page, 1, page)
        }
      }
    }
    Traps.restore()
    try expect("hypercalls still work", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}

/// attack-random-calls: random calls with random arguments and random structures for two seconds; `seed=` repeats them.
func randomCalls() -> Guest {
  attack("attack-random-calls", "random hypercalls with random structures, until it ends by itself") {
    () throws(Failure) in
    let pages = Pages.take(4)
    try storm(1500) { () throws(Failure) in
      for word in UInt64(0)..<24 { Memory.store64(pages + word * 8, randomWord()) }
      let number = Int32(random(below: 44))
      func argument() -> UInt64 { random(below: 2) == 0 ? pages + random(below: 64) : randomWord() }
      let first = random(below: 2) == 0 ? random(below: 40) : argument()
      if !endsUs(number, first) { _ = hypercall(number, first, argument(), argument(), argument(), argument()) }
    }
  }
}

/// attack-multicall: nested, endless, self-modifying lists, over the edges of memory.
func wildMulticall() -> Guest {
  attack("attack-multicall", "multicalls that are nested, endless, overwrite themselves or run over an edge") {
    () throws(Failure) in
    // struct multicall_entry: operation, result, six arguments
    let list = Pages.take(4)
    func entry(_ index: UInt64, _ number: Int32, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0) {
      let at = list + index * 64
      Memory.store64(at, UInt64(number))
      Memory.store64(at + 16, a)
      Memory.store64(at + 24, b)
      Memory.store64(at + 32, c)
    }
    // In itself, twice and a thousand times.
    for index in UInt64(0)..<200 { entry(index, __HYPERVISOR_multicall, list, 200) }
    _ = hypercall(__HYPERVISOR_multicall, list, 200)
    for index in UInt64(0)..<200 where Int64(bitPattern: Memory.load64(list + index * 64 + 8)) >= 0 {
      breach("a nested multicall ran", index)
    }
    // Counts without end, over good entries that soon run into the unmapped.
    for index in UInt64(0)..<256 { entry(index, __HYPERVISOR_xen_version) }
    for count: UInt64 in [257, 1 << 20, 1 << 31, 1 << 32, ~0] { _ = hypercall(__HYPERVISOR_multicall, list, count) }
    // Entries that write into the entries behind them: the list is a result buffer.
    for index in UInt64(0)..<255 {
      entry(index, __HYPERVISOR_xen_version, UInt64(XENVER_compile_info), list + (index + 1) * 64)
    }
    _ = hypercall(__HYPERVISOR_multicall, list, 255)
    // Entries that take the list's own page away, or make it read-only, in the middle.
    let lone = Pages.take()
    for index in UInt64(0)..<64 {
      Memory.store64(lone + index * 64, UInt64(__HYPERVISOR_update_va_mapping))
      Memory.store64(lone + index * 64 + 16, lone)
      Memory.store64(lone + index * 64 + 24, index == 20 ? 0 : Frames.machine(lone) << 12 | 1)
      Memory.store64(lone + index * 64 + 32, 2)
    }
    _ = hypercall(__HYPERVISOR_multicall, lone, 64)
    try expect("the page comes back", MMU.unprotect(lone), 0)
    for number in Int32(0)..<64 where ![23, 3, 4, 0, 24, 29, 6].contains(number) {
      for value in hostileWords {
        entry(0, number, value, value, value)
        _ = hypercall(__HYPERVISOR_multicall, list, 1)
      }
    }
    // Unaligned, and in the hypervisor.
    for address in [list + 1, list + 4095, 0xffff_8300_0000_0000, 0xffff_8000_0000_0000, ~63] {
      _ = hypercall(__HYPERVISOR_multicall, address, 4)
    }
    Traps.restore()
    try expect("hypercalls still work", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}
