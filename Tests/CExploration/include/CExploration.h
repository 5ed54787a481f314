// SPDX-License-Identifier: Apache-2.0
// The exploring machine: simulated CPUs that run one at a time, where a search decides at every access to shared memory who
// goes on, when a store gets to memory, and when an interrupt is taken. Swift's face of it is Tests/Exploration.
#ifndef CEXPLORATION_H
#define CEXPLORATION_H
#include <stdint.h>
#include <stdbool.h>

#define EXPLORE_MAX_CPUS 8
#define EXPLORE_MAX_SPECULATED 8

/// One access of a guest, for the verdict: what the CPU used, whether or not the tables in memory still say so.
struct explore_access {
  int32_t cpu;
  bool writes;
  bool stale_leaf;             // the translation was a cached one
  uint64_t linear;
  uint64_t frame;              // where the access goes
  uint64_t tables[5];          // by level: the frame that was read as a table on the way just now; all ones where none was
};

/// What the search does at a decision that a schedule does not name.
enum explore_mode { EXPLORE_DEPTH_FIRST, EXPLORE_RANDOM, EXPLORE_REPLAY };

struct explore_callbacks {
  void (*_Nonnull program)(int32_t cpu);
  void (*_Nonnull interrupt)(int32_t cpu, uint8_t vector);
  /// Null if the access may take place, else what is wrong with it.
  const char *_Nullable (*_Nonnull judge)(const struct explore_access *_Nonnull access);
};

/// Begins to explore what `cpus` CPUs do at once.
bool explore_begin(int32_t cpus, bool stores_wait, struct explore_callbacks callbacks);
/// Forgets what was remembered; the machine stays as the last run has left it.
void explore_end(void);

/// Remembers the simulated machine as it is now: each run begins from here.
bool explore_remember(void);

/// Runs `body` as another CPU, to prepare it (its record, its page table). Before `explore_remember`.
void explore_as(int32_t cpu, void (*_Nonnull body)(void *_Nullable), void *_Nullable context);

/// Addresses whose translations CPUs may remember again right after each flush, without an access.
void explore_speculate(const uint64_t *_Nullable linear, int32_t count);

/// Makes the machine again what it was at `explore_remember`.
void explore_restore(void);

/// Begins a depth-first search of all schedules with at most `bound` preemptions.
void explore_search(int32_t bound);
/// Goes on to the next schedule of the search. False when all have been run.
bool explore_next(void);
/// Begins random schedules from a seed.
void explore_randomly(uint64_t seed);
/// Begins the replay of a schedule, as `explore_schedule` has given it.
bool explore_replay(const char *_Nonnull schedule);

/// Runs the programs of all CPUs to their ends. Null if nothing was wrong, else what was.
const char *_Nullable explore_run(void);
/// The schedule of the last run, as text: what was decided otherwise than usual, by steps.
const char *_Nonnull explore_schedule(void);
/// How many steps (accesses to words that CPUs share, and the like) the last run had.
uint64_t explore_steps(void);

// ---- What programs call ----

/// The number of the frame that is a CPU's top-level page table just now.
uint64_t explore_top_table(int32_t cpu);

/// Ends the run as failed.
void explore_fail(const char *_Nonnull reason) __attribute__((noreturn));
/// Whether a run is under way and this is one of its CPUs.
bool explore_is_running(void);
/// One 8-byte access of a guest in ring 3 through the CPU's translations, interrupts let in before it. False for a page fault.
bool explore_guest_access(uint64_t linear, bool writes, uint64_t *_Nonnull value);

#endif
