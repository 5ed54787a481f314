// SPDX-License-Identifier: Apache-2.0
// Privileged and special instructions. On the host the same names reach a small simulated CPU (simulation.c), so that every
// line above this file runs unchanged in tests.
#ifndef MARTLET_INSTRUCTIONS_H
#define MARTLET_INSTRUCTIONS_H
#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include "layout.h"
#include "atomics.h"

struct martlet_cpuid { uint32_t eax, ebx, ecx, edx; };

MARTLET_INLINE struct martlet_cpuid martlet_cpuid(uint32_t leaf, uint32_t subleaf) {
  struct martlet_cpuid r;
  __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
  return r;
}
MARTLET_INLINE uint64_t martlet_rdtsc(void) {
#ifdef __linux__
  if (__builtin_expect(martlet_explored_time != 0, 0)) return martlet_explored_time;
#endif
  uint32_t lo, hi;
  __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
  return ((uint64_t)hi << 32) | lo;
}
// The counter, read after all loads before it and before everything after it.
MARTLET_INLINE uint64_t martlet_rdtsc_ordered(void) {
  uint32_t lo, hi;
  __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(lo), "=d"(hi)::"memory");
  return ((uint64_t)hi << 32) | lo;
}
// high:low divided by `divisor`, which must be greater than `high`.
MARTLET_INLINE uint64_t martlet_divide(uint64_t high, uint64_t low, uint64_t divisor) {
  __asm__("divq %2" : "+a"(low), "+d"(high) : "r"(divisor) : "cc");
  return low;
}
MARTLET_INLINE void martlet_pause(void) {
  MARTLET_EXPLORE_EVENT(pause());
  __asm__ volatile("pause" ::: "memory");
}

#ifdef __linux__
#include "simulation.h"
#else

// The fault-tolerant forms: an instruction at 1: that faults goes on at 2: with the output register set to say so.
#define MARTLET_FIXUP(from, to) \
  ".pushsection .martlet_fixups,\"a\"\n\t.quad " from "\n\t.quad " to "\n\t.popsection\n"

MARTLET_INLINE void martlet_out8(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port)); }
MARTLET_INLINE void martlet_out16(uint16_t port, uint16_t v) { __asm__ volatile("outw %0, %1" ::"a"(v), "Nd"(port)); }
MARTLET_INLINE void martlet_out32(uint16_t port, uint32_t v) { __asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port)); }
MARTLET_INLINE uint8_t martlet_in8(uint16_t port) { uint8_t v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
MARTLET_INLINE uint16_t martlet_in16(uint16_t port) { uint16_t v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
MARTLET_INLINE uint32_t martlet_in32(uint16_t port) { uint32_t v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }

MARTLET_INLINE uint64_t martlet_rdmsr(uint32_t msr) {
  uint32_t lo, hi;
  __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
  return ((uint64_t)hi << 32) | lo;
}
MARTLET_INLINE void martlet_wrmsr(uint32_t msr, uint64_t v) {
  __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
MARTLET_INLINE bool martlet_rdmsr_safe(uint32_t msr, uint64_t *_Nonnull value) {
  uint32_t lo = 0, hi = 0, bad = 1;
  __asm__ volatile("1: rdmsr\n\txorl %2, %2\n2:\n" MARTLET_FIXUP("1b", "2b") : "+a"(lo), "+d"(hi), "+r"(bad) : "c"(msr));
  *value = ((uint64_t)hi << 32) | lo;
  return bad == 0;
}
MARTLET_INLINE bool martlet_wrmsr_safe(uint32_t msr, uint64_t v) {
  uint32_t bad = 1;
  __asm__ volatile("1: wrmsr\n\txorl %0, %0\n2:\n" MARTLET_FIXUP("1b", "2b")
                   : "+r"(bad) : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
  return bad == 0;
}

#define MARTLET_CR(n) \
  MARTLET_INLINE uint64_t martlet_read_cr##n(void) { uint64_t v; __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v)::"memory"); return v; } \
  MARTLET_INLINE void martlet_write_cr##n(uint64_t v) { __asm__ volatile("mov %0, %%cr" #n ::"r"(v) : "memory"); }
MARTLET_CR(0)
MARTLET_CR(2)
MARTLET_CR(3)
MARTLET_CR(4)
#define MARTLET_DR(n) \
  MARTLET_INLINE uint64_t martlet_read_dr##n(void) { uint64_t v; __asm__ volatile("mov %%dr" #n ", %0" : "=r"(v)); return v; } \
  MARTLET_INLINE void martlet_write_dr##n(uint64_t v) { __asm__ volatile("mov %0, %%dr" #n ::"r"(v)); }
MARTLET_DR(0)
MARTLET_DR(1)
MARTLET_DR(2)
MARTLET_DR(3)
MARTLET_DR(6)
MARTLET_DR(7)

MARTLET_INLINE void martlet_invlpg(uint64_t a) { __asm__ volatile("invlpg (%0)" ::"r"(a) : "memory"); }
MARTLET_INLINE void martlet_wbinvd(void) { __asm__ volatile("wbinvd" ::: "memory"); }
MARTLET_INLINE void martlet_clts(void) { __asm__ volatile("clts"); }
MARTLET_INLINE void martlet_cli(void) { __asm__ volatile("cli" ::: "memory"); }
MARTLET_INLINE void martlet_hlt(void) { __asm__ volatile("hlt" ::: "memory"); }
// STI takes effect after the next instruction, so nothing is lost between the two.
MARTLET_INLINE void martlet_sti_hlt_cli(void) { __asm__ volatile("sti\n\thlt\n\tcli" ::: "memory"); }
MARTLET_INLINE void martlet_sti_nop_cli(void) { __asm__ volatile("sti\n\tnop\n\tcli" ::: "memory"); }

struct martlet_table_register { uint16_t limit; uint64_t base; } __attribute__((packed));
MARTLET_INLINE void martlet_lgdt(uint64_t base, uint16_t limit) {
  struct martlet_table_register r = {limit, base};
  __asm__ volatile("lgdt %0" ::"m"(r));
}
// Loads CS and SS from the descriptor table in force: the ones of the table before may not be in it.
MARTLET_INLINE void martlet_reload_segments(void) {
  uint64_t scratch;
  __asm__ volatile("leaq 1f(%%rip), %0\n\tpushq %1\n\tpushq %0\n\tlretq\n1:\tmovl %2, %%ss"
                   : "=&r"(scratch) : "i"(MARTLET_CS), "r"(MARTLET_DS) : "memory");
}
MARTLET_INLINE void martlet_lidt(uint64_t base, uint16_t limit) {
  struct martlet_table_register r = {limit, base};
  __asm__ volatile("lidt %0" ::"m"(r));
}
MARTLET_INLINE void martlet_ltr(uint16_t s) { __asm__ volatile("ltr %0" ::"r"(s)); }
MARTLET_INLINE void martlet_lldt(uint16_t s) { __asm__ volatile("lldt %0" ::"r"(s)); }

MARTLET_INLINE void martlet_swapgs(void) { __asm__ volatile("swapgs" ::: "memory"); }
MARTLET_INLINE uint64_t martlet_rdfsbase(void) { uint64_t v; __asm__ volatile("rdfsbase %0" : "=r"(v)); return v; }
MARTLET_INLINE uint64_t martlet_rdgsbase(void) { uint64_t v; __asm__ volatile("rdgsbase %0" : "=r"(v)); return v; }
MARTLET_INLINE void martlet_wrfsbase(uint64_t v) { __asm__ volatile("wrfsbase %0" ::"r"(v)); }
MARTLET_INLINE void martlet_wrgsbase(uint64_t v) { __asm__ volatile("wrgsbase %0" ::"r"(v)); }
#define MARTLET_SEGMENT(name) \
  MARTLET_INLINE uint16_t martlet_read_##name(void) { uint16_t v; __asm__ volatile("mov %%" #name ", %0" : "=r"(v)); return v; } \
  MARTLET_INLINE bool martlet_load_##name(uint16_t v) { \
    uint32_t bad = 1; \
    __asm__ volatile("1: mov %w1, %%" #name "\n\txorl %0, %0\n2:\n" MARTLET_FIXUP("1b", "2b") : "+r"(bad) : "r"(v) : "memory"); \
    return bad == 0; }
MARTLET_SEGMENT(ds)
MARTLET_SEGMENT(es)
MARTLET_SEGMENT(fs)
MARTLET_SEGMENT(gs)

MARTLET_INLINE void martlet_fxsave(uint64_t a) { __asm__ volatile("fxsaveq (%0)" ::"r"(a) : "memory"); }
MARTLET_INLINE bool martlet_fxrstor(uint64_t a) {
  uint32_t bad = 1;
  __asm__ volatile("1: fxrstorq (%1)\n\txorl %0, %0\n2:\n" MARTLET_FIXUP("1b", "2b") : "+r"(bad) : "r"(a) : "memory");
  return bad == 0;
}
// Has the x87's pointers to the last instruction and operand be ours, which are no secret.
MARTLET_INLINE void martlet_replace_fpu_pointers(void) {
  static const int32_t anything = 0;
  __asm__ volatile("fnclex\n\tffree %%st(7)\n\tfildl %0" ::"m"(anything) : "memory");
}
MARTLET_INLINE void martlet_xsave(uint64_t a, uint64_t mask) {
  __asm__ volatile("xsaveq (%0)" ::"r"(a), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32)) : "memory");
}
MARTLET_INLINE bool martlet_xrstor(uint64_t a, uint64_t mask) {
  uint32_t bad = 1;
  __asm__ volatile("1: xrstorq (%1)\n\txorl %0, %0\n2:\n" MARTLET_FIXUP("1b", "2b")
                   : "+r"(bad) : "r"(a), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32)) : "memory");
  return bad == 0;
}
MARTLET_INLINE bool martlet_xsetbv(uint32_t index, uint64_t v) {
  uint32_t bad = 1;
  __asm__ volatile("1: xsetbv\n\txorl %0, %0\n2:\n" MARTLET_FIXUP("1b", "2b")
                   : "+r"(bad) : "c"(index), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
  return bad == 0;
}

MARTLET_INLINE struct martlet_stack_info *_Nonnull martlet_current_stack_info(void) {
  uint64_t sp;
  __asm__("mov %%rsp, %0" : "=r"(sp));
  return (struct martlet_stack_info *)((sp | (MARTLET_STACK_SIZE - 1)) + 1 - sizeof(struct martlet_stack_info));
}
MARTLET_INLINE uint64_t martlet_read_rbp(void) { uint64_t v; __asm__ volatile("mov %%rbp, %0" : "=r"(v)); return v; }
MARTLET_INLINE uint64_t martlet_read_rsp(void) { uint64_t v; __asm__ volatile("mov %%rsp, %0" : "=r"(v)); return v; }

// Guest memory, through the guest's own mappings (entry/guestcopy.S). Each gives the number of bytes NOT copied.
uint64_t martlet_copy_from_guest(void *_Nonnull to, uint64_t from, uint64_t bytes);
uint64_t martlet_copy_to_guest(uint64_t to, const void *_Nonnull from, uint64_t bytes);
uint64_t martlet_clear_guest(uint64_t to, uint64_t bytes);
// One aligned 8-byte compare-and-exchange in guest memory; gives 0 and the old value in *expected, or 1 on a fault.
uint64_t martlet_guest_cas64(uint64_t to, uint64_t *_Nonnull expected, uint64_t value);

// The assembly's own symbols.
#define MARTLET_SYMBOL(name) \
  extern uint8_t name[]; \
  MARTLET_INLINE void *_Nonnull name##_address(void) { return name; }
MARTLET_SYMBOL(martlet_image_start)
MARTLET_SYMBOL(martlet_text_end)
MARTLET_SYMBOL(martlet_rodata_end)
MARTLET_SYMBOL(martlet_image_end)
MARTLET_SYMBOL(martlet_trampoline_start)
MARTLET_SYMBOL(martlet_trampoline_end)
MARTLET_SYMBOL(martlet_fixups_start)
MARTLET_SYMBOL(martlet_fixups_end)
MARTLET_SYMBOL(martlet_access_patches_start)
MARTLET_SYMBOL(martlet_access_patches_end)
MARTLET_SYMBOL(martlet_vector_stubs)
MARTLET_SYMBOL(martlet_syscall_stubs)
MARTLET_SYMBOL(martlet_compat_stubs)
MARTLET_SYMBOL(martlet_boot_l4)
MARTLET_SYMBOL(martlet_boot_stack)
MARTLET_SYMBOL(martlet_idt)
MARTLET_SYMBOL(martlet_symbols)
MARTLET_SYMBOL(martlet_syscall_slots)
extern uint64_t martlet_ap_cr3, martlet_ap_stack;
// Leaves the current stack for good and goes on at `entry` on the stack whose top is `top`.
void martlet_switch_stack(uint64_t top, void (*_Nonnull entry)(void)) __attribute__((noreturn));
// Throws the current stack away down to the guest's frame at its top and returns to the guest, or to the idle loop.
void martlet_resume_guest(void) __attribute__((noreturn));
void martlet_reset_by_triple_fault(void) __attribute__((noreturn));
// Globals that the Machine target keeps (state.c): they are here because Swift would build its own lazily, at first touch.
#endif

extern uint64_t martlet_anchors[32];
extern struct martlet_cpu martlet_cpus[MARTLET_MAX_CPUS];
extern uint64_t martlet_flush_clock, martlet_cpus_started, martlet_boot_flags;
extern uint64_t martlet_stretch_ticks, martlet_stretches_measured;
// The number of the CPU that panicked first, plus one; zero while all is well.
extern uint64_t martlet_panic_owner, martlet_panic_nested;
extern uint64_t martlet_features[8];
extern uint64_t martlet_window_base, martlet_window_frames;

#endif
