// SPDX-License-Identifier: Apache-2.0
// Memory as x86 CPUs see it (total store order), and the memory that each run begins with.
//
// A store that waits in its CPU's buffer is in memory while that CPU runs, so that its own loads, of whatever width, see it; it
// is taken back while others run. Buffers are first in, first out; a locked operation empties its CPU's first.
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine.h"

uint64_t stores;

static uint64_t read_word(const void *p, int bits) {
  switch (bits) {
    case 8: return *(const volatile uint8_t *)p;
    case 16: return *(const volatile uint16_t *)p;
    case 32: return *(const volatile uint32_t *)p;
    default: return *(const volatile uint64_t *)p;
  }
}

static void write_word(void *p, int bits, uint64_t v) {
  switch (bits) {
    case 8: *(volatile uint8_t *)p = v; break;
    case 16: *(volatile uint16_t *)p = v; break;
    case 32: *(volatile uint32_t *)p = v; break;
    default: *(volatile uint64_t *)p = v;
  }
}

void apply_again(int cpu) {
  for (int i = 0; i < cpus[cpu].held_count; i++) {
    struct held_store *s = &cpus[cpu].held[i];
    s->before = read_word(s->p, s->bits);
    write_word(s->p, s->bits, s->value);
  }
}

void take_back(int cpu) {
  for (int i = cpus[cpu].held_count; i-- > 0;) {
    struct held_store *s = &cpus[cpu].held[i];
    write_word(s->p, s->bits, s->before);
  }
}

void drain_one(int cpu) {
  struct cpu *c = &cpus[cpu];
  if (!c->held_count) return;
  if (cpu != me) write_word(c->held[0].p, c->held[0].bits, c->held[0].value);
  memmove(c->held, c->held + 1, --c->held_count * sizeof c->held[0]);
  stores++;
}

void drain_all(int cpu) {
  while (cpus[cpu].held_count) drain_one(cpu);
}

uint64_t explored_atomic(enum martlet_operation operation, void *p, int bits, uint64_t a, uint64_t b) {
  if (operation == MARTLET_FENCE) {
    point(0, cpus[me].held_count != 0);
    drain_all(me);
    return 0;
  }
  point(p, false);
  note_access(p, operation != MARTLET_LOAD);
  uint64_t old = read_word(p, bits), new;
  switch (operation) {
    case MARTLET_LOAD: return old;
    case MARTLET_STORE: {
      struct cpu *c = &cpus[me];
      bool waits = c->held_count != 0;
      if (!waits && stores_wait && is_shared(p)) waits = decide(HOLD, 2, 1, 0) == 1;
      if (waits && c->held_count == MAX_HELD) drain_one(me);
      if (waits) c->held[c->held_count++] = (struct held_store){p, bits, a, old};
      else stores++;
      write_word(p, bits, a);
      return 0;
    }
    case MARTLET_EXCHANGE: new = a; break;
    case MARTLET_ADD: new = old + a; break;
    case MARTLET_OR: new = old | a; break;
    case MARTLET_AND: new = old & a; break;
    default: new = old == a ? b : old;
  }
  drain_all(me);
  write_word(p, bits, new);
  if (new != old) stores++;
  return old;
}

// ---- What each run begins with ----

static int backing = -1;
static uint64_t backed_bytes;
static struct {
  uint64_t anchors[32], clock, started, boot_flags, panic_owner, panic_nested, features[8];
  struct martlet_cpu cpus[MARTLET_MAX_CPUS];
} words;

// The window becomes a private mapping of a file that holds what it held: giving up its pages brings the beginning back.
bool remember_memory(void) {
  char *window = (char *)martlet_window_base;
  backed_bytes = martlet_window_frames << 12;
  backing = memfd_create("explored", 0);
  if (backing < 0 || ftruncate(backing, backed_bytes)) return false;
  static const char zeros[4096];
  for (uint64_t at = 0; at < backed_bytes; at += 4096)
    if (memcmp(window + at, zeros, 4096) && pwrite(backing, window + at, 4096, at) != 4096) return false;
  if (mmap(window, backed_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, backing, 0) != window)
    return false;
  memcpy(words.anchors, martlet_anchors, sizeof words.anchors);
  memcpy(words.features, martlet_features, sizeof words.features);
  memcpy(words.cpus, martlet_cpus, sizeof words.cpus);
  words.clock = martlet_flush_clock, words.started = martlet_cpus_started, words.boot_flags = martlet_boot_flags;
  words.panic_owner = martlet_panic_owner, words.panic_nested = martlet_panic_nested;
  return true;
}

void restore_memory(void) {
  madvise((void *)martlet_window_base, backed_bytes, MADV_DONTNEED);
  memcpy(martlet_anchors, words.anchors, sizeof words.anchors);
  memcpy(martlet_features, words.features, sizeof words.features);
  memcpy(martlet_cpus, words.cpus, sizeof words.cpus);
  martlet_flush_clock = words.clock, martlet_cpus_started = words.started, martlet_boot_flags = words.boot_flags;
  martlet_panic_owner = words.panic_owner, martlet_panic_nested = words.panic_nested;
}

void forget_memory(void) {
  close(backing);
  backing = -1;
}
