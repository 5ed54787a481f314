// SPDX-License-Identifier: Apache-2.0
// Layouts that assembly and Swift share: the register frame on the stack, the block at the top of every stack, and the map of
// the region of the address space that belongs to the hypervisor. Assembly includes this file too.
#ifndef MARTLET_LAYOUT_H
#define MARTLET_LAYOUT_H

// Selectors in the page of the GDT that the hypervisor keeps for itself. The ring-3 ones are ABI (FLAT_RING3_* in
// xen/arch-x86/xen-x86_64.h); the ring-0 ones are placed so that SYSCALL and SYSRET find their pairs.
#define MARTLET_CS 0xe008
#define MARTLET_DS 0xe010
#define MARTLET_GUEST_CS32 0xe023
#define MARTLET_GUEST_DS 0xe02b
#define MARTLET_GUEST_CS64 0xe033
#define MARTLET_TSS 0xe040
#define MARTLET_LDT 0xe050

// The hypervisor's region: L4 slots 256 to 271.
#define MARTLET_M2P_BASE 0xffff800000000000
#define MARTLET_CPU_AREA_BASE 0xffff820000000000
#define MARTLET_IMAGE_BASE 0xffff828000000000
#define MARTLET_WINDOW_BASE 0xffff830000000000
#define MARTLET_REGION_BASE 0xffff800000000000
#define MARTLET_REGION_END 0xffff880000000000

// Every CPU's area is 2 MiB: one page of level-1 entries. Page numbers inside it:
#define MARTLET_CPU_AREA_SHIFT 21
#define MARTLET_AREA_GDT 0
#define MARTLET_AREA_GDT_OWN 14
#define MARTLET_AREA_LDT 16
#define MARTLET_AREA_STACK 64
#define MARTLET_AREA_NMI_STACK 96
#define MARTLET_AREA_FAULT_STACK 128
#define MARTLET_AREA_CHECK_STACK 160
#define MARTLET_AREA_DEBUG_STACK 192
#define MARTLET_AREA_TSS 224

#define MARTLET_STACK_SIZE 0x20000
#define MARTLET_STACK_INFO_SIZE 64
#define MARTLET_MAX_CPUS 128
// What one CPU writes all the time is in no other CPU's cache line.
#define MARTLET_CACHE_LINE 64
#define MARTLET_SYSCALL_SLOT_SIZE MARTLET_CACHE_LINE

// Set in the upper half of the frame's vector word by the SYSCALL entry: the frame may be left by SYSRET.
#define MARTLET_VECTOR_SYSCALL 0x100

#ifndef __ASSEMBLER__
#include <stdint.h>

/// The registers of what was interrupted, as the entry code pushes them. The order is that of `cpu_user_regs`
/// (xen/arch-x86/xen-x86_64.h) up to `ss`, so that contexts are copied without shuffling.
struct martlet_frame {
  uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
  uint32_t error_code, vector;
  uint64_t rip, cs, rflags, rsp, ss;
};

/// The last 64 bytes of every stack: how code that knows only its stack pointer finds its CPU.
struct martlet_stack_info {
  uint64_t main_stack_top;  // of this CPU's ordinary stack: where a debug exception from ring 3 moves to
  uint64_t locks_held;      // debug builds: a bit per lock rank
  int32_t stretch_left;     // units of work until the next look at the clock (Machine/CPU/Stretch.swift)
  uint32_t stretch_end;     // when the stretch has to end, in 64ths of the counter's ticks; zero before the first look
  uint64_t stretch_start;   // if stretches are measured: the counter's value when it began
  uint64_t stretch_cause;   // and what began it
  uint64_t reserved;
  uint64_t cpu_number;
  uint64_t cpu_record;
};

/// Where each CPU's SYSCALL stub keeps the guest's stack pointer for three instructions, and finds its own stack.
struct martlet_syscall_slot {
  uint64_t guest_rsp;
  uint64_t stack_top;
  uint64_t reserved[6];
};
_Static_assert(sizeof(struct martlet_syscall_slot) == MARTLET_SYSCALL_SLOT_SIZE, "a cache line for each CPU");

/// One CPU as the Machine target knows it; other CPUs read and write it.
struct martlet_cpu {
  uint64_t flush_request;   // non-zero: please flush your TLB; the CPU itself takes it back before it does
  uint64_t flushed_at;      // the flush clock from before its last whole flush, put here after that
  uint64_t frame_of_area;   // the level-1 table of its area
  uint32_t apic_id;
  uint32_t online;
  uint64_t panic_frame;     // where it stopped for a panic: the address of the frame; zero while it runs
  uint64_t longest_stretch; // if stretches are measured: the longest with interrupts off, in ticks of the counter
  uint64_t longest_cause;   // and what began it
  uint64_t reserved[1];
};
_Static_assert(sizeof(struct martlet_cpu) % MARTLET_CACHE_LINE == 0, "cache lines of each CPU's own");

#endif
#endif
