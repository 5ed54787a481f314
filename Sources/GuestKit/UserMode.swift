// SPDX-License-Identifier: Apache-2.0
//
// User mode: its own page tables (MMUEXT_NEW_USER_BASEPTR), entry by the iret hypercall, and back by whatever trap or
// system call comes first. One code page and one stack page are mapped.

import CGuestKit

/// A user-mode address space with a program in it.
public struct UserSpace {
  /// Where the program, its stack and its read-only data page are mapped in user mode.
  public static let code: UInt64 = 0x40_0000
  /// The stack page.
  public static let stack: UInt64 = 0x40_1000
  /// The read-only page.
  public static let readOnly: UInt64 = 0x40_2000

  /// The tables of user mode.
  public var tables: LowTables
  /// The same pages as the kernel sees them.
  public var codePage: UInt64
  /// The stack page in the kernel's mapping.
  public var stackPage: UInt64
  /// The read-only page in the kernel's mapping.
  public var readOnlyPage: UInt64

  /// Builds and pins the tables, makes them the user base pointer, and writes the program.
  public init(_ program: [UInt8]) {
    codePage = Pages.take()
    stackPage = Pages.take()
    readOnlyPage = Pages.take()
    Memory.store(codePage, bytes: program)
    tables = LowTables()
    let user = PageEntry.present | PageEntry.user
    tables.set(Self.code, Frames.machine(codePage) << 12 | user)
    tables.set(Self.stack, Frames.machine(stackPage) << 12 | user | PageEntry.writable | PageEntry.noExecute)
    tables.set(Self.readOnly, Frames.machine(readOnlyPage) << 12 | user | PageEntry.noExecute)
    tables.pin()
    if MMU.extended(MMUEXT_NEW_USER_BASEPTR, Frames.machine(tables.l4)) != 0 {
      Runner.fail("MMUEXT_NEW_USER_BASEPTR was refused")
    }
    let trapStack = gk_address_stacks() + UInt64(GK_STACK_BYTES) / 2
    hypercall(__HYPERVISOR_stack_switch, UInt64(FLAT_RING3_SS64), trapStack)
    reset()
  }

  /// Puts the user registers to the start of the program.
  public func reset() {
    gk_user = gk_frame()
    gk_user.rip = Self.code
    gk_user.cs = UInt64(FLAT_RING3_CS64)
    gk_user.ss = UInt64(FLAT_RING3_SS64)
    gk_user.rsp = Self.stack + pageSize
    gk_user.rflags = 0x202
  }

  /// The user registers between runs.
  public var registers: gk_frame {
    get { gk_user }
    nonmutating set { gk_user = newValue }
  }

  /// Runs user mode until it traps or calls. The vector is Vector.syscall for a system call. `inSystemCall` sets
  /// VGCF_in_syscall in the iret frame.
  public func run(inSystemCall: Bool = false) -> Fault {
    lastFault = nil
    gk_enter_user(inSystemCall ? UInt64(VGCF_in_syscall) : 0)
    guard let fault = lastFault else { Runner.fail("user mode came back without a trap") }
    return fault
  }
}
