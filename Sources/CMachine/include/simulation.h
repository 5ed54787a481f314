// SPDX-License-Identifier: Apache-2.0
// The simulated CPU of host tests: the same names as instructions.h, over plain variables. Guest memory is reached through
// the guest's page tables by a walk in software (simulation.c), so that what the hypervisor reads is what a CPU would read.
#ifndef MARTLET_SIMULATION_H
#define MARTLET_SIMULATION_H

struct martlet_simulation {
  uint64_t cr0, cr2, cr3, cr4, dr[8];
  uint64_t flushes, invalidations;
  uint64_t msr_count, msr_number[64], msr_value[64];
  uint64_t fs_base, gs_base, inactive_gs_base;
  uint16_t ds, es, fs, gs;
  uint64_t interrupts_sent, halted;
  // Faults of guest copies: who is told of them and says whether the instruction runs again, and one page (its number plus one) of
  // which the CPU remembers a read-only translation until a write faults on it.
  bool (*_Nullable page_fault)(uint64_t address, uint32_t error_code);
  uint64_t read_only_page;
  uint64_t fixup_from, fixup_to;  // the one instruction of ours that may fault, and where it goes on
  uint64_t locks_at_flush;  // a bit per rank of the locks that were held when other CPUs were asked to flush
  int64_t stretch_units;    // how many units of work a stretch may take; zero for any number
  // The one UART: its I/O base (0: none), what its FIFO holds, how it was used. An instant one sends at once, as QEMU's does.
  uint64_t uart_base, uart_fifo, uart_instant, uart_enabled, uart_reason, uart_count, uart_lost;
  uint8_t uart_text[8192];
  uint64_t pci_function, pci_frame;  // the one function on the simulated bus (its configuration address), and its registers
};
extern _Thread_local struct martlet_simulation martlet_simulated;
extern _Thread_local struct martlet_stack_info martlet_simulated_stack_info;

MARTLET_INLINE uint8_t martlet_uart_byte(uint64_t index) {
  return martlet_simulated.uart_text[index % sizeof martlet_simulated.uart_text];
}
void martlet_out8(uint16_t port, uint8_t v);
uint8_t martlet_in8(uint16_t port);
MARTLET_INLINE void martlet_out16(uint16_t port, uint16_t v) { (void)port; (void)v; }
MARTLET_INLINE void martlet_out32(uint16_t port, uint32_t v) { (void)port; (void)v; }
MARTLET_INLINE uint16_t martlet_in16(uint16_t port) { (void)port; return 0xffff; }
MARTLET_INLINE uint32_t martlet_in32(uint16_t port) { (void)port; return 0xffffffff; }
bool martlet_rdmsr_safe(uint32_t msr, uint64_t *_Nonnull value);
bool martlet_wrmsr_safe(uint32_t msr, uint64_t v);
MARTLET_INLINE uint64_t martlet_rdmsr(uint32_t msr) { uint64_t v = 0; martlet_rdmsr_safe(msr, &v); return v; }
MARTLET_INLINE void martlet_wrmsr(uint32_t msr, uint64_t v) { martlet_wrmsr_safe(msr, v); }

#define MARTLET_CR(n) \
  MARTLET_INLINE uint64_t martlet_read_cr##n(void) { return martlet_simulated.cr##n; } \
  MARTLET_INLINE void martlet_write_cr##n(uint64_t v) { \
    martlet_simulated.cr##n = v; \
    if (n == 3) { martlet_simulated.flushes++; MARTLET_EXPLORE_EVENT(cr3_written()); } }
MARTLET_CR(0)
MARTLET_CR(2)
MARTLET_CR(3)
MARTLET_CR(4)
#define MARTLET_DR(n) \
  MARTLET_INLINE uint64_t martlet_read_dr##n(void) { return martlet_simulated.dr[n]; } \
  MARTLET_INLINE void martlet_write_dr##n(uint64_t v) { martlet_simulated.dr[n] = v; }
MARTLET_DR(0)
MARTLET_DR(1)
MARTLET_DR(2)
MARTLET_DR(3)
MARTLET_DR(6)
MARTLET_DR(7)

MARTLET_INLINE void martlet_invlpg(uint64_t a) {
  (void)a;
  martlet_simulated.invalidations++;
  MARTLET_EXPLORE_EVENT(invalidated(a));
}
MARTLET_INLINE void martlet_wbinvd(void) {}
MARTLET_INLINE void martlet_clts(void) { martlet_simulated.cr0 &= ~8ull; }
MARTLET_INLINE void martlet_cli(void) {}
MARTLET_INLINE void martlet_hlt(void) { martlet_simulated.halted++; }
MARTLET_INLINE void martlet_sti_hlt_cli(void) { martlet_simulated.halted++; MARTLET_EXPLORE_EVENT(interrupts(true)); }
MARTLET_INLINE void martlet_sti_nop_cli(void) { MARTLET_EXPLORE_EVENT(interrupts(false)); }
MARTLET_INLINE void martlet_lgdt(uint64_t base, uint16_t limit) { (void)base; (void)limit; }
MARTLET_INLINE void martlet_lidt(uint64_t base, uint16_t limit) { (void)base; (void)limit; }
MARTLET_INLINE void martlet_ltr(uint16_t s) { (void)s; }
MARTLET_INLINE void martlet_lldt(uint16_t s) { (void)s; }
MARTLET_INLINE void martlet_swapgs(void) {
  uint64_t g = martlet_simulated.gs_base;
  martlet_simulated.gs_base = martlet_simulated.inactive_gs_base;
  martlet_simulated.inactive_gs_base = g;
}
MARTLET_INLINE uint64_t martlet_rdfsbase(void) { return martlet_simulated.fs_base; }
MARTLET_INLINE uint64_t martlet_rdgsbase(void) { return martlet_simulated.gs_base; }
MARTLET_INLINE void martlet_wrfsbase(uint64_t v) { martlet_simulated.fs_base = v; }
MARTLET_INLINE void martlet_wrgsbase(uint64_t v) { martlet_simulated.gs_base = v; }
#define MARTLET_SEGMENT(name) \
  MARTLET_INLINE uint16_t martlet_read_##name(void) { return martlet_simulated.name; } \
  MARTLET_INLINE bool martlet_load_##name(uint16_t v) { martlet_simulated.name = v; return true; }
MARTLET_SEGMENT(ds)
MARTLET_SEGMENT(es)
MARTLET_SEGMENT(fs)
MARTLET_SEGMENT(gs)
MARTLET_INLINE void martlet_fxsave(uint64_t a) { (void)a; }
MARTLET_INLINE bool martlet_fxrstor(uint64_t a) { (void)a; return true; }
MARTLET_INLINE void martlet_replace_fpu_pointers(void) {}
MARTLET_INLINE void martlet_xsave(uint64_t a, uint64_t mask) { (void)a; (void)mask; }
MARTLET_INLINE bool martlet_xrstor(uint64_t a, uint64_t mask) { (void)a; (void)mask; return true; }
MARTLET_INLINE bool martlet_xsetbv(uint32_t index, uint64_t v) { (void)index; (void)v; return true; }
MARTLET_INLINE struct martlet_stack_info *_Nonnull martlet_current_stack_info(void) { return &martlet_simulated_stack_info; }
MARTLET_INLINE uint64_t martlet_read_rbp(void) { return 0; }
MARTLET_INLINE uint64_t martlet_read_rsp(void) { return 0; }

uint64_t martlet_copy_from_guest(void *_Nonnull to, uint64_t from, uint64_t bytes);
uint64_t martlet_copy_to_guest(uint64_t to, const void *_Nonnull from, uint64_t bytes);
uint64_t martlet_clear_guest(uint64_t to, uint64_t bytes);
uint64_t martlet_guest_cas64(uint64_t to, uint64_t *_Nonnull expected, uint64_t value);

/// An interrupt for another simulated CPU. False if nobody else runs that CPU just now: whoever sends it answers for it.
MARTLET_INLINE bool martlet_simulated_send(int cpu, uint8_t vector) {
  martlet_simulated.interrupts_sent++;
  if (__builtin_expect(martlet_explorer == 0, 1)) return false;
  martlet_explorer->send(cpu, vector);
  return true;
}

/// Makes `frames` frames of simulated physical memory the window (zeroed); gives false where the host refuses.
bool martlet_simulation_start(uint64_t frames);

#endif
