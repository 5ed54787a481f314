// SPDX-License-Identifier: Apache-2.0
// Host tests only: where a test that explores interleavings (Tests/Exploration) takes part in what simulated CPUs do. One
// pointer of each thread, null in every other test and in the fuzzer (all simulated CPUs of a test that explores are on its
// thread; tests of other things run beside it); on metal nothing of this exists.
#ifndef MARTLET_EXPLORING_H
#define MARTLET_EXPLORING_H
#ifdef __linux__
#include <stdint.h>
#include <stdbool.h>

enum martlet_operation {
  MARTLET_LOAD, MARTLET_STORE, MARTLET_EXCHANGE, MARTLET_ADD, MARTLET_OR, MARTLET_AND, MARTLET_CAS, MARTLET_FENCE
};

struct martlet_explorer {
  uint64_t (*atomic)(enum martlet_operation operation, void *p, int bits, uint64_t a, uint64_t b);
  void (*pause)(void);
  void (*plain)(void);                          // plain instructions are about to read or write much
  void (*cr3_written)(void);
  void (*invalidated)(uint64_t linear);
  void (*interrupts)(bool halts);               // interrupts are let in; after a halt there has been one
  void (*send)(int cpu, uint8_t vector);
  uint64_t (*translate)(uint64_t linear, bool write);
};
extern _Thread_local const struct martlet_explorer *martlet_explorer;
/// What the time-stamp counter shows while a test explores; zero: the host's.
extern _Thread_local uint64_t martlet_explored_time;

#define MARTLET_EXPLORE(bits, operation, p, a, b) \
  if (__builtin_expect(martlet_explorer != 0, 0)) \
    return (uint##bits##_t)martlet_explorer->atomic(operation, (void *)(p), bits, a, b);
#define MARTLET_EXPLORE_STORE(bits, p, v) \
  if (__builtin_expect(martlet_explorer != 0, 0)) { martlet_explorer->atomic(MARTLET_STORE, p, bits, v, 0); return; }
#define MARTLET_EXPLORE_EVENT(call) if (__builtin_expect(martlet_explorer != 0, 0)) martlet_explorer->call
#else
#define MARTLET_EXPLORE_STORE(bits, p, v)
#define MARTLET_EXPLORE(bits, operation, p, a, b)
#define MARTLET_EXPLORE_EVENT(call)
#endif
#endif
