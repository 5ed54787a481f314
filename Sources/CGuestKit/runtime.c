// SPDX-License-Identifier: Apache-2.0
//
// The C library functions that compiled Swift code refers to, and the variables shared with entry.S. The allocator only
// ever grows: a guest lives for milliseconds.

#include "CGuestKit.h"
#include <stddef.h>

uint64_t gk_start_info;
uint64_t gk_recovery_target;
uint64_t gk_user_resume;
struct gk_registers gk_attempted;
struct gk_frame gk_user;
struct gk_segments gk_failsafe_segments;

#define HEAP_BYTES (256 * 1024)
static char heap[HEAP_BYTES] __attribute__((aligned(64)));
static size_t heap_used;

int posix_memalign(void **result, size_t alignment, size_t size) {
  size_t start = (heap_used + alignment - 1) & ~(alignment - 1);
  if (size > HEAP_BYTES || start > HEAP_BYTES - size) return 12;
  heap_used = start + size;
  *result = heap + start;
  return 0;
}

void free(void *block) { (void)block; }

void *memset(void *to, int value, size_t count) {
  void *start = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
  return start;
}

void *memcpy(void *to, const void *from, size_t count) {
  void *start = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  return start;
}

void *memmove(void *to, const void *from, size_t count) {
  if ((uintptr_t)to - (uintptr_t)from >= count) return memcpy(to, from, count);
  char *destination = to;
  const char *source = from;
  while (count-- > 0) {
    __asm__ volatile("" ::: "memory");  // keep the compiler from turning this loop into a call of memmove
    destination[count] = source[count];
  }
  return to;
}

int memcmp(const void *left, const void *right, size_t count) {
  const unsigned char *a = left, *b = right;
  for (size_t i = 0; i < count; i++)
    if (a[i] != b[i]) return a[i] - b[i];
  return 0;
}

int putchar(int character) {
  char byte = (char)character;
  gk_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 1, (uint64_t)&byte, 0, 0);
  return character;
}
