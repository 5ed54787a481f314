// SPDX-License-Identifier: Apache-2.0
// The few words of static storage that Swift's Machine target needs before anything is set up, and what the compiler
// expects of a C library. A Swift global would be built lazily behind a once-guard, at first touch; these are simply there.
#include "CMachine.h"

uint64_t martlet_anchors[32];
struct martlet_cpu martlet_cpus[MARTLET_MAX_CPUS] __attribute__((aligned(MARTLET_CACHE_LINE)));
// Every CPU writes it at every switch: nothing else is in its cache line.
uint64_t martlet_flush_clock __attribute__((aligned(MARTLET_CACHE_LINE))) = 1;
uint64_t martlet_cpus_started __attribute__((aligned(MARTLET_CACHE_LINE))) = 1, martlet_boot_flags;
uint64_t martlet_stretch_ticks, martlet_stretches_measured;
uint64_t martlet_panic_owner, martlet_panic_nested;
uint64_t martlet_features[8];
uint64_t martlet_window_base;
uint64_t martlet_window_frames;

#ifndef __linux__
uint8_t martlet_syscall_slots[MARTLET_MAX_CPUS * sizeof(struct martlet_syscall_slot)] __attribute__((aligned(64)));
uint8_t martlet_idt[4096] __attribute__((aligned(4096)));

void *memset(void *to, int value, size_t count) {
  void *d = to;
  size_t words = count >> 3, tail = count & 7;
  uint64_t pattern = (uint8_t)value * 0x0101010101010101ull;
  __asm__ volatile("rep stosq\n\tmov %3, %%rcx\n\trep stosb" : "+D"(d), "+c"(words) : "a"(pattern), "r"(tail) : "memory");
  return to;
}
void *memcpy(void *restrict to, const void *restrict from, size_t count) {
  void *d = to;
  size_t words = count >> 3, tail = count & 7;
  __asm__ volatile("rep movsq\n\tmov %3, %%rcx\n\trep movsb" : "+D"(d), "+S"(from), "+c"(words) : "r"(tail) : "memory");
  return to;
}
void *memmove(void *to, const void *from, size_t count) {
  if ((uintptr_t)to - (uintptr_t)from >= count) return memcpy(to, from, count);
  char *d = (char *)to + count - 1;
  const char *s = (const char *)from + count - 1;
  __asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(d), "+S"(s), "+c"(count)::"memory");
  return to;
}
int memcmp(const void *a, const void *b, size_t count) {
  const unsigned char *x = a, *y = b;
  for (; count; count--, x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}
// Nothing in the hypervisor allocates from a heap; whatever would, stops here, in the open.
int posix_memalign(void **out, size_t alignment, size_t size) { __builtin_trap(); }
void free(void *p) { __builtin_trap(); }
int putchar(int c) { __builtin_trap(); }
void arc4random_buf(void *to, size_t count) { __builtin_trap(); }
#endif
