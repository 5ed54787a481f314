// SPDX-License-Identifier: Apache-2.0
// Atomic words, by address. Swift's Synchronization module has no atomics over memory it does not own.
#ifndef MARTLET_ATOMICS_H
#define MARTLET_ATOMICS_H
#include <stdint.h>
#include <stdbool.h>
#include "exploring.h"

#define MARTLET_INLINE static inline __attribute__((always_inline))

#define MARTLET_ATOMICS(bits) \
  MARTLET_INLINE uint##bits##_t martlet_load##bits(const void *p) { \
    MARTLET_EXPLORE(bits, MARTLET_LOAD, p, 0, 0) \
    return __atomic_load_n((const uint##bits##_t *)p, __ATOMIC_ACQUIRE); } \
  MARTLET_INLINE void martlet_store##bits(void *p, uint##bits##_t v) { \
    MARTLET_EXPLORE_STORE(bits, p, v) \
    __atomic_store_n((uint##bits##_t *)p, v, __ATOMIC_RELEASE); } \
  MARTLET_INLINE uint##bits##_t martlet_exchange##bits(void *p, uint##bits##_t v) { \
    MARTLET_EXPLORE(bits, MARTLET_EXCHANGE, p, v, 0) \
    return __atomic_exchange_n((uint##bits##_t *)p, v, __ATOMIC_SEQ_CST); } \
  MARTLET_INLINE uint##bits##_t martlet_add##bits(void *p, uint##bits##_t v) { \
    MARTLET_EXPLORE(bits, MARTLET_ADD, p, v, 0) \
    return __atomic_fetch_add((uint##bits##_t *)p, v, __ATOMIC_SEQ_CST); } \
  MARTLET_INLINE uint##bits##_t martlet_or##bits(void *p, uint##bits##_t v) { \
    MARTLET_EXPLORE(bits, MARTLET_OR, p, v, 0) \
    return __atomic_fetch_or((uint##bits##_t *)p, v, __ATOMIC_SEQ_CST); } \
  MARTLET_INLINE uint##bits##_t martlet_and##bits(void *p, uint##bits##_t v) { \
    MARTLET_EXPLORE(bits, MARTLET_AND, p, v, 0) \
    return __atomic_fetch_and((uint##bits##_t *)p, v, __ATOMIC_SEQ_CST); } \
  /* Gives what was there: equal to `expected` exactly when the exchange took place. */ \
  MARTLET_INLINE uint##bits##_t martlet_cas##bits(void *p, uint##bits##_t expected, uint##bits##_t v) { \
    MARTLET_EXPLORE(bits, MARTLET_CAS, p, expected, v) \
    __atomic_compare_exchange_n((uint##bits##_t *)p, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
    return expected; }

MARTLET_ATOMICS(8)
MARTLET_ATOMICS(16)
MARTLET_ATOMICS(32)
MARTLET_ATOMICS(64)

MARTLET_INLINE void martlet_fence(void) {
  MARTLET_EXPLORE_EVENT(atomic(MARTLET_FENCE, 0, 64, 0, 0));
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
// Plain instructions are about to read or write more than a word of memory that other CPUs look at. Nothing on metal.
MARTLET_INLINE void martlet_plain(void) { MARTLET_EXPLORE_EVENT(plain()); }

// Memory-mapped registers: one access of the width asked for, never merged or repeated.
MARTLET_INLINE uint32_t martlet_mmio_read32(uint64_t a) { return *(volatile uint32_t *)a; }
MARTLET_INLINE void martlet_mmio_write32(uint64_t a, uint32_t v) { *(volatile uint32_t *)a = v; }
MARTLET_INLINE uint64_t martlet_mmio_read64(uint64_t a) { return *(volatile uint64_t *)a; }
MARTLET_INLINE void martlet_mmio_write64(uint64_t a, uint64_t v) { *(volatile uint64_t *)a = v; }

#endif
