// SPDX-License-Identifier: Apache-2.0
// What the parts of the exploring machine share.
#ifndef ENGINE_H
#define ENGINE_H
#include <stddef.h>
#include "CMachine.h"
#include "CExploration.h"

enum { MAX_HELD = 64, MAX_TRANSLATIONS = 64 };

struct held_store { void *p; int bits; uint64_t value, before; };

// A cached entry: of level 1 a translation, of levels 2 to 4 where the walk goes on below. `key` is the linear address without
// the bits that the entry translates.
struct cached { uint64_t key, frame; uint8_t level; bool writable, dirty; };

enum state { RUNNING, SPINNING, HALTED, ENDED };

struct cpu {
  void *stack_pointer;
  void *stack;
  enum state state;
  uint64_t seen;                 // spinning: the count of stores when it last looked
  uint64_t pending[4];           // interrupt vectors
  struct held_store held[MAX_HELD];
  int held_count;
  struct cached cached[MAX_TRANSLATIONS];
  int cached_count;
  uint64_t priority;
  struct martlet_simulation simulated, first_simulated;
  struct martlet_stack_info info, first_info;
};

extern struct cpu cpus[EXPLORE_MAX_CPUS];
extern int cpu_count, me;
extern bool stores_wait;
extern uint64_t stores, steps;
#define simulated_time martlet_explored_time
extern struct explore_callbacks callbacks;
extern const struct martlet_explorer explorer;

// engine.c
void point(const void *address, bool always);
void let_interrupts_in(void);
int cpu_with_pending(int cpu);
// decisions.c
enum decision { WHO, HOLD, LATE, AGAIN };
// Gives a number below `options`; 0 is what usually happens. The first `free` ones cost nothing.
int decide(enum decision kind, int options, int free, const int *who);
void decisions_start(void);
bool is_shared(const void *address);
void note_access(const void *address, bool writes);
extern enum explore_mode mode;
uint64_t random_number(void);
bool is_replayed_step(void);
// memory.c
uint64_t explored_atomic(enum martlet_operation operation, void *p, int bits, uint64_t a, uint64_t b);
void drain_all(int cpu);
void drain_one(int cpu);
void take_back(int cpu);
void apply_again(int cpu);
bool remember_memory(void);
void restore_memory(void);
void forget_memory(void);
// translations.c
uint64_t explored_translate(uint64_t linear, bool write);
void forget_translations(int cpu);
void remember_again(void);
void explored_invalidate(uint64_t linear);

#endif
