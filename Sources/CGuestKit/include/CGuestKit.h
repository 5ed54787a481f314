// SPDX-License-Identifier: Apache-2.0
//
// What a paravirtual guest cannot say in Swift: the hypercall instruction sequence, loads and stores at a numeric
// address, the state shared with the assembly entry. Addresses are plain numbers here because a guest test names
// addresses that no pointer type may (page tables, unmapped pages, the hypervisor's own region).
//
// The ABI structures and numbers come from Debian's libxen-dev and not from the hypervisor's XenABI target: the guests
// judge the hypervisor, so the two must not share a decoder. By absolute path, because the bare-metal triple searches
// no system directory.

#ifndef C_GUEST_KIT_H
#define C_GUEST_KIT_H

#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include "/usr/include/xen/xen.h"
#include "/usr/include/xen/callback.h"
#include "/usr/include/xen/elfnote.h"
#include "/usr/include/xen/event_channel.h"
#include "/usr/include/xen/features.h"
#include "/usr/include/xen/grant_table.h"
#include "/usr/include/xen/memory.h"
#include "/usr/include/xen/nmi.h"
#include "/usr/include/xen/physdev.h"
#include "/usr/include/xen/platform.h"
#include "/usr/include/xen/sched.h"
#include "/usr/include/xen/vcpu.h"
#include "/usr/include/xen/version.h"

// MARK: Layout shared with entry/entry.S. Change both together.

/// Registers as the trap stubs save them and as gk_enter_user loads them. From `vector` on it is what the hypervisor
/// pushed.
struct gk_frame {
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
  uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
  uint64_t vector, error;
  uint64_t rip, cs, rflags, rsp, ss;
};

/// Registers that an attempted instruction sequence starts with and leaves behind.
struct gk_registers {
  uint64_t rax, rbx, rcx, rdx, rsi, rdi, r8, r9, r10, rflags;
};

/// Segment selectors that the failsafe callback was given.
struct gk_segments {
  uint64_t ds, es, fs, gs;
};

/// Pseudo vectors of the entries that are not exceptions.
enum {
  GK_VECTOR_SYSCALL = 0x100,
  GK_VECTOR_EVENT = 0x101,
  GK_VECTOR_FAILSAFE = 0x102,
  GK_VECTOR_NMI = 0x103,
  GK_VECTOR_SYSCALL32 = 0x104,
};

/// Number of vCPUs that have stacks, and the size of one vCPU's stack area (half of it for traps from user mode).
#define GK_VCPUS 4
#define GK_STACK_BYTES 65536
#define GK_STUB_BYTES 16

extern uint64_t gk_start_info;            // virtual address of start_info, from rsi at entry
extern uint64_t gk_recovery_target;       // where a fault inside an attempt resumes, 0 outside
extern uint64_t gk_user_resume;           // kernel stack to come back to from user mode, 0 outside
extern struct gk_registers gk_attempted;  // in and out registers of gk_attempt
extern struct gk_frame gk_user;           // registers of user mode between two runs
extern struct gk_segments gk_failsafe_segments;

/// Calls the code at `code` with the registers in gk_attempted; a fault inside comes back here.
void gk_attempt(uint64_t code);

/// Enters user mode with the registers in gk_user; returns when user mode traps or calls. `flags` is the iret frame's.
void gk_enter_user(uint64_t flags);

// MARK: Addresses of things only the assembly and the linker script know.

#define GK_ADDRESS(name, symbol)                  \
  static inline uint64_t gk_address_##name(void) { \
    extern char symbol[];                          \
    return (uint64_t)symbol;                       \
  }
GK_ADDRESS(hypercall_page, gk_hypercall_page)
GK_ADDRESS(trap_stubs, gk_trap_stubs)
GK_ADDRESS(event_entry, gk_event_entry)
GK_ADDRESS(failsafe_entry, gk_failsafe_entry)
GK_ADDRESS(syscall_entry, gk_syscall_entry)
GK_ADDRESS(syscall32_entry, gk_syscall32_entry)
GK_ADDRESS(nmi_entry, gk_nmi_entry)
GK_ADDRESS(secondary_entry, gk_secondary_entry)
GK_ADDRESS(stacks, gk_stacks)
GK_ADDRESS(pool, gk_pool)
GK_ADDRESS(pool_end, gk_pool_end)
GK_ADDRESS(image_start, gk_image_start)
GK_ADDRESS(shared_info_page, gk_shared_info_page)

// MARK: Hypercalls.

/// One hypercall through the hypercall page: `number` is __HYPERVISOR_*, the rest are its arguments in order.
static inline int64_t gk_hypercall(
  uint64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5) {
  uint64_t result = gk_address_hypercall_page() + number * 32;
  register uint64_t r10 __asm__("r10") = a4;
  register uint64_t r8 __asm__("r8") = a5;
  __asm__ volatile("call *%0"
                   : "+a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                   :
                   : "rcx", "r11", "memory", "cc");
  return (int64_t)result;
}

/// The same call made with a bare `syscall` instruction, for numbers that the hypercall page has no entry for.
static inline int64_t gk_hypercall_raw(uint64_t number, uint64_t a1, uint64_t a2, uint64_t a3) {
  uint64_t result = number;
  __asm__ volatile("syscall"
                   : "+a"(result), "+D"(a1), "+S"(a2), "+d"(a3)
                   :
                   : "rcx", "r8", "r10", "r11", "memory", "cc");
  return (int64_t)result;
}

// MARK: Memory at a numeric address. The caller owes a mapped address; use an attempt where it may fault.

#define GK_MEMORY(bits)                                                                                            \
  static inline uint##bits##_t gk_load##bits(uint64_t address) { return *(volatile uint##bits##_t *)address; }     \
  static inline void gk_store##bits(uint64_t address, uint##bits##_t value) {                                      \
    *(volatile uint##bits##_t *)address = value;                                                                   \
  }                                                                                                                \
  static inline uint##bits##_t gk_exchange##bits(uint64_t address, uint##bits##_t value) {                         \
    return __atomic_exchange_n((uint##bits##_t *)address, value, __ATOMIC_SEQ_CST);                                \
  }
GK_MEMORY(8)
GK_MEMORY(16)
GK_MEMORY(32)
GK_MEMORY(64)

static inline uint64_t gk_fetch_or64(uint64_t address, uint64_t bits) {
  return __atomic_fetch_or((uint64_t *)address, bits, __ATOMIC_SEQ_CST);
}
static inline uint64_t gk_fetch_and64(uint64_t address, uint64_t bits) {
  return __atomic_fetch_and((uint64_t *)address, bits, __ATOMIC_SEQ_CST);
}
static inline uint32_t gk_fetch_or32(uint64_t address, uint32_t bits) {
  return __atomic_fetch_or((uint32_t *)address, bits, __ATOMIC_SEQ_CST);
}
static inline uint32_t gk_fetch_and32(uint64_t address, uint32_t bits) {
  return __atomic_fetch_and((uint32_t *)address, bits, __ATOMIC_SEQ_CST);
}
static inline uint64_t gk_fetch_add64(uint64_t address, uint64_t value) {
  return __atomic_fetch_add((uint64_t *)address, value, __ATOMIC_SEQ_CST);
}

// MARK: Instructions.

static inline void gk_pause(void) { __asm__ volatile("pause"); }
static inline void gk_barrier(void) { __asm__ volatile("" ::: "memory"); }
static inline uint64_t gk_rsp(void) {
  uint64_t value;
  __asm__ volatile("mov %%rsp, %0" : "=r"(value));
  return value;
}
static inline uint64_t gk_rdtsc(void) {
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return (uint64_t)high << 32 | low;
}
static inline uint64_t gk_segment_limit(uint64_t selector) {
  uint64_t limit = ~0ull;
  __asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"(selector) : "cc");
  return limit;
}
static inline uint64_t gk_fs_load64(uint64_t offset) {
  uint64_t value;
  __asm__ volatile("mov %%fs:(%1), %0" : "=r"(value) : "r"(offset));
  return value;
}
static inline uint64_t gk_gs_load64(uint64_t offset) {
  uint64_t value;
  __asm__ volatile("mov %%gs:(%1), %0" : "=r"(value) : "r"(offset));
  return value;
}
static inline void gk_load_fs(uint16_t selector) { __asm__ volatile("mov %0, %%fs" : : "r"((uint32_t)selector)); }
static inline uint16_t gk_read_fs(void) {
  uint32_t selector;
  __asm__ volatile("mov %%fs, %0" : "=r"(selector));
  return (uint16_t)selector;
}
static inline void gk_set_vector0(uint64_t value) { __asm__ volatile("movq %0, %%xmm0" : : "r"(value)); }
static inline uint64_t gk_time_stamp_auxiliary(void) {
  uint32_t low, high, auxiliary;
  __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(auxiliary));
  return auxiliary;
}
static inline uint64_t gk_read_fs_base(void) {
  uint64_t value;
  __asm__ volatile("rdfsbase %0" : "=r"(value));
  return value;
}
static inline uint64_t gk_get_vector0(void) {
  uint64_t value;
  __asm__ volatile("movq %%xmm0, %0" : "=r"(value));
  return value;
}

// MARK: Structures that Swift imports badly (long arrays, unions); filled in here from numbers.

/// What a new vCPU starts with.
struct gk_start {
  uint64_t rip, rsp, rdi, cr3, trap_stack;
};

/// Fills a vcpu_guest_context at `address` for VCPUOP_initialise: a kernel-mode vCPU with all of GuestKit's entries.
void gk_fill_context(uint64_t address, struct gk_start start);

#endif
