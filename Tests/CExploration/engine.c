// SPDX-License-Identifier: Apache-2.0
// The simulated CPUs, each on a stack of its own, one running at a time: where they may change, and what makes them wait.
//
// A CPU that spins (`martlet_pause`) goes on only after another CPU's store has got to memory. One that has ended its program
// is in a guest, or idle: it takes interrupts. If nobody can go on, time passes; if that helps nobody, the run is stuck.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "CTraps.h"
#include "engine.h"

enum { STACK_BYTES = 512 << 10, MAX_STEPS = 400000, MAX_WAITS = 256, TIME_AT_START = 1000000 };

struct cpu cpus[EXPLORE_MAX_CPUS];
int cpu_count, me;
bool stores_wait;
uint64_t steps;
struct explore_callbacks callbacks;

static void *main_stack_pointer;
static const char *failure;
static char failure_text[512];
static bool running;
static _Thread_local bool is_ours;
static int waits_in_vain;
static uint64_t stores_at_wait;
extern bool _swift_disableExclusivityChecking;

// Goes on on another stack, from where that was left.
void martlet_explore_switch(void **saved, void *to);
__asm__(
    ".text\n.globl martlet_explore_switch\nmartlet_explore_switch:\n"
    "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
    "movq %rsp, (%rdi)\nmovq %rsi, %rsp\n"
    "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n");

static void leave_cpu(void) {
  take_back(me);
  cpus[me].simulated = martlet_simulated;
  cpus[me].info = martlet_simulated_stack_info;
}

static void enter_cpu(int cpu) {
  me = cpu;
  martlet_simulated = cpus[me].simulated;
  martlet_simulated_stack_info = cpus[me].info;
  apply_again(me);
}

static void go_on_as(int cpu) {
  if (cpu == me) return;
  struct cpu *left = &cpus[me];
  leave_cpu();
  enter_cpu(cpu);
  martlet_explore_switch(&left->stack_pointer, cpus[cpu].stack_pointer);
}

static void end_run(void) {
  void *nowhere;
  martlet_explore_switch(&nowhere, main_stack_pointer);
  __builtin_unreachable();
}

void explore_fail(const char *reason) {
  snprintf(failure_text, sizeof failure_text, "CPU %d: %s", me, reason);
  failure = failure_text;
  if (!is_ours) abort();
  end_run();
  __builtin_unreachable();
}

bool explore_is_running(void) { return is_ours && running; }

int cpu_with_pending(int cpu) {
  return (cpus[cpu].pending[0] | cpus[cpu].pending[1] | cpus[cpu].pending[2] | cpus[cpu].pending[3]) != 0;
}

static bool can_go_on(int cpu) {
  switch (cpus[cpu].state) {
    case RUNNING: return true;
    case SPINNING: return cpus[cpu].seen != stores;
    default: return cpu_with_pending(cpu);
  }
}

// Who may go on from here, in the order: this CPU if it can, the next ones, then stores that may get to memory (~cpu).
static int candidates(int *who, int *free) {
  int count = 0;
  bool stays = can_go_on(me);
  if (stays) who[count++] = me;
  for (int i = 1; i < cpu_count; i++) {
    int cpu = (me + i) % cpu_count;
    if (can_go_on(cpu)) who[count++] = cpu;
  }
  *free = stays ? 1 : count;
  for (int cpu = 0; cpu < cpu_count; cpu++)
    if (cpus[cpu].held_count) who[count++] = ~cpu;
  if (!stays) *free = count;
  return count;
}

static void time_passes(void) {
  if (stores == stores_at_wait) {
    if (++waits_in_vain > MAX_WAITS) explore_fail("stuck: nobody can go on");
  } else {
    waits_in_vain = 0;
  }
  bool spins = false;
  simulated_time += 20000;
  for (int cpu = 0; cpu < cpu_count; cpu++)
    if (cpus[cpu].state == SPINNING) cpus[cpu].seen = stores - 1, spins = true;
  stores_at_wait = stores;
  if (spins) return;
  for (int cpu = 0; cpu < cpu_count; cpu++)
    if (cpus[cpu].state != ENDED) explore_fail("stuck: it halts, and no interrupt will come");
  end_run();
}

// Chooses who goes on, until this CPU does.
static void choose(void) {
  for (;;) {
    int who[2 * EXPLORE_MAX_CPUS], free, count = candidates(who, &free);
    if (!count) {
      time_passes();
      continue;
    }
    int choice = who[decide(WHO, count, free, who)];
    if (choice < 0) {
      drain_one(~choice);
      continue;
    }
    go_on_as(choice);
    return;
  }
}

static void wait_until_can_go_on(void) {
  do choose(); while (!can_go_on(me));
  cpus[me].state = RUNNING;
}

void point(const void *address, bool always) {
  if (++steps > MAX_STEPS) explore_fail("it does not come to an end");
  simulated_time += 20;
  if (always || is_shared(address)) choose();
}

void let_interrupts_in(void) {
  drain_all(me);
  for (int i = 255; i >= 0; i--) {
    uint64_t bit = 1ull << (i & 63);
    if (!(cpus[me].pending[i >> 6] & bit)) continue;
    cpus[me].pending[i >> 6] &= ~bit;
    callbacks.interrupt(me, i);
  }
}

// ---- What the hypervisor's code comes by ----

#define ORDINARY(...) if (!is_ours || !running) { __VA_ARGS__; }

static uint64_t plain_atomic(enum martlet_operation operation, void *p, int bits, uint64_t a, uint64_t b);

static uint64_t atomic(enum martlet_operation operation, void *p, int bits, uint64_t a, uint64_t b) {
  ORDINARY(return plain_atomic(operation, p, bits, a, b))
  return explored_atomic(operation, p, bits, a, b);
}
static void paused(void) {
  ORDINARY(return)
  if (++steps > MAX_STEPS) explore_fail("it does not come to an end");
  simulated_time += 200;
  cpus[me].state = SPINNING;
  cpus[me].seen = stores;
  wait_until_can_go_on();
}
static void plain(void) {
  ORDINARY(return)
  drain_all(me);
}
static void cr3_written(void) {
  ORDINARY(return)
  point(0, true);
  drain_all(me);
  forget_translations(me);
  remember_again();
}
static void invalidated(uint64_t linear) {
  ORDINARY(return)
  point(0, true);
  drain_all(me);
  explored_invalidate(linear);
}
static void interrupts(bool halts) {
  ORDINARY(return)
  point(0, true);
  if (halts && !cpu_with_pending(me)) {
    cpus[me].state = HALTED;
    wait_until_can_go_on();
  }
  let_interrupts_in();
}
static void sent(int cpu, uint8_t vector) {
  ORDINARY(return)
  drain_all(me);
  point(0, true);
  if (cpu >= 0 && cpu < cpu_count) cpus[cpu].pending[vector >> 6] |= 1ull << (vector & 63);
}
static uint64_t translated(uint64_t linear, bool write) { return explored_translate(linear, write); }

const struct martlet_explorer explorer = {atomic, paused, plain, cr3_written, invalidated, interrupts, sent,
                                          translated};

// Another test's thread, which happens to use an atomic word of its own meanwhile.
static uint64_t plain_atomic(enum martlet_operation operation, void *p, int bits, uint64_t a, uint64_t b) {
#define WIDTH(n) case n: { \
    uint##n##_t *w = p, expected = a; \
    switch (operation) { \
      case MARTLET_LOAD: return __atomic_load_n(w, __ATOMIC_SEQ_CST); \
      case MARTLET_STORE: __atomic_store_n(w, a, __ATOMIC_SEQ_CST); return 0; \
      case MARTLET_EXCHANGE: return __atomic_exchange_n(w, a, __ATOMIC_SEQ_CST); \
      case MARTLET_ADD: return __atomic_fetch_add(w, a, __ATOMIC_SEQ_CST); \
      case MARTLET_OR: return __atomic_fetch_or(w, a, __ATOMIC_SEQ_CST); \
      case MARTLET_AND: return __atomic_fetch_and(w, a, __ATOMIC_SEQ_CST); \
      case MARTLET_CAS: __atomic_compare_exchange_n(w, &expected, b, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
        return expected; \
      default: return 0; \
    } }
  switch (bits) { WIDTH(8) WIDTH(16) WIDTH(32) WIDTH(64) }
  return 0;
}

// ---- Runs ----

static void cpu_begins(void) {
  callbacks.program(me);
  // From here on it is in a guest, or idle: stores get to memory some time, interrupts are taken.
  for (;;) {
    cpus[me].state = ENDED;
    wait_until_can_go_on();
    let_interrupts_in();
  }
}

static void prepare_stack(struct cpu *c) {
  uint64_t *top = (uint64_t *)((char *)c->stack + STACK_BYTES);
  *--top = 0;
  *--top = (uint64_t)cpu_begins;
  for (int i = 0; i < 6; i++) *--top = 0;
  c->stack_pointer = top;
}

static bool take_trap(int signal, void *context) {
  (void)signal, (void)context;
  if (explore_is_running()) explore_fail("a trap: a precondition of the hypervisor's does not hold");
  return false;
}
static void ask_for_traps(void) { traps_ask(take_trap); }

bool explore_begin(int32_t count, bool may_wait, struct explore_callbacks with) {
  cpu_count = count, stores_wait = may_wait, callbacks = with;
  for (int i = 0; i < count; i++) {
    struct cpu *c = &cpus[i];
    if (!c->stack) {
      c->stack = mmap(0, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (c->stack == MAP_FAILED) return false;
    }
    c->first_simulated = martlet_simulated;
    c->first_info = martlet_simulated_stack_info;
    c->first_info.cpu_number = i;
    c->first_info.locks_held = 0;
    if (i) c->first_info.cpu_record = 0;
  }
  steps = 0, simulated_time = TIME_AT_START;
  return true;
}

bool explore_remember(void) { return remember_memory(); }

void explore_end(void) {
  forget_memory();
  simulated_time = 0;
}

void explore_as(int32_t cpu, void (*body)(void *), void *context) {
  struct martlet_simulation simulated = martlet_simulated;
  struct martlet_stack_info info = martlet_simulated_stack_info;
  martlet_simulated = cpus[cpu].first_simulated;
  martlet_simulated_stack_info = cpus[cpu].first_info;
  body(context);
  cpus[cpu].first_simulated = martlet_simulated;
  cpus[cpu].first_info = martlet_simulated_stack_info;
  martlet_simulated = simulated;
  martlet_simulated_stack_info = info;
}

void explore_restore(void) {
  restore_memory();
  martlet_simulated = cpus[0].first_simulated;
  martlet_simulated_stack_info = cpus[0].first_info;
}

uint64_t explore_top_table(int32_t cpu) {
  return (cpu == me && running ? martlet_simulated.cr3 : cpus[cpu].simulated.cr3) >> 12 & 0xffffffffffull;
}

const char *explore_run(void) {
  failure = 0, stores = 1, steps = 0, simulated_time = TIME_AT_START, waits_in_vain = 0, stores_at_wait = 0;
  for (int i = 0; i < cpu_count; i++) {
    struct cpu *c = &cpus[i];
    prepare_stack(c);
    c->state = RUNNING, c->held_count = c->cached_count = 0;
    memset(c->pending, 0, sizeof c->pending);
    c->simulated = c->first_simulated, c->info = c->first_info;
  }
  // What is set up anew for each run is set up as CPU 0.
  cpus[0].simulated = martlet_simulated, cpus[0].info = martlet_simulated_stack_info;
  decisions_start();
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, ask_for_traps);
  bool checks = _swift_disableExclusivityChecking;
  // Accesses of Swift variables nest on each CPU, but not across the changes between CPUs.
  _swift_disableExclusivityChecking = true;
  is_ours = running = true;
  martlet_explorer = &explorer;
  int who[EXPLORE_MAX_CPUS];
  for (int i = 0; i < cpu_count; i++) who[i] = i;
  me = 0;
  int first = decide(WHO, cpu_count, cpu_count, who);
  enter_cpu(first);
  martlet_explore_switch(&main_stack_pointer, cpus[first].stack_pointer);
  martlet_explorer = 0;
  running = is_ours = false;
  _swift_disableExclusivityChecking = checks;
  martlet_simulated = cpus[0].simulated;
  martlet_simulated_stack_info = cpus[0].first_info;
  return failure;
}

uint64_t explore_steps(void) { return steps; }
