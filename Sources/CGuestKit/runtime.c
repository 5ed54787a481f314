// SPDX-License-Identifier: Apache-2.0
//
// The C library functions that compiled Swift code refers to, and the variables shared with entry.S. The allocator keeps
// what is given back for blocks of the same power of two: some guests run loops that make arrays for seconds.

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

// Blocks of one power of two that were given back, by that power; the power stands in the word before each block. Nobody
// waits for the lock, since an upcall may have interrupted its holder: it then does without the list.
static void *given_back[32];
static char heap_lock;

static int take_lock(void) { return !__atomic_test_and_set(&heap_lock, __ATOMIC_ACQUIRE); }
static void give_lock(void) { __atomic_clear(&heap_lock, __ATOMIC_RELEASE); }

int posix_memalign(void **result, size_t alignment, size_t size) {
  size_t power = 5;
  if (size > HEAP_BYTES) return 12;
  while (((size_t)1 << power) < size) power++;
  if (alignment <= 16 && take_lock()) {
    char *block = given_back[power];
    if (block) given_back[power] = *(void **)block;
    give_lock();
    if (block) {
      *result = block;
      return 0;
    }
  }
  size_t room = alignment > 16 ? alignment : 16;
  size_t need = ((size_t)1 << power) + 2 * room;
  size_t start = __atomic_fetch_add(&heap_used, need, __ATOMIC_RELAXED);
  if (start > HEAP_BYTES - need) return 12;
  char *block = heap + ((start + room + room - 1) & ~(room - 1));
  *(uint64_t *)(block - 8) = power;
  *result = block;
  return 0;
}

void free(void *block) {
  if (!block || !take_lock()) return;
  size_t power = *(uint64_t *)((char *)block - 8) & 31;
  *(void **)block = given_back[power];
  given_back[power] = block;
  give_lock();
}

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
