// SPDX-License-Identifier: Apache-2.0
// What is decided at each decision of a run: by a depth-first search over all of them, at random, or as a schedule says.
//
// The search looks only at accesses to words that more than one CPU uses and one of them changes. Which words these are is
// learned; when a run finds more, the search begins again. A schedule names decisions by the step at which they are made, so
// that it can be replayed without that knowledge: "12s1 40h" is a switch to CPU 1 at step 12 and a store that waits at step 40.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine.h"

enum { MAX_DECISIONS = 1 << 16, TABLE = 1 << 14, MAX_NAMED = 512 };

enum explore_mode mode;

static struct { uint8_t chosen, options; } taken[MAX_DECISIONS];
static int depth, known, bound, spent;

// Words by address: which CPUs have read or written each, which have written it. `shared` is frozen for the time of a run.
static struct word { uint64_t address; uint8_t users, writers; bool shared; } table[TABLE];
static bool has_grown;

// What the schedule says, and what the run has done.
static struct named { uint64_t step; char kind; int8_t cpu; } named[MAX_NAMED], done[MAX_NAMED];
static int named_count, next_named, done_count;
static char text[MAX_NAMED * 12];

static uint64_t state;
static uint64_t change_points[4], usual_steps;

uint64_t random_number(void) {
  state += 0x9e3779b97f4a7c15ull;
  uint64_t z = state;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 27) * 0x94d049bb133111ebull;
  return z ^ z >> 31;
}

static struct word *word(const void *address, bool make) {
  uint64_t key = (uint64_t)address >> 3;
  for (uint64_t i = key * 0x9e3779b97f4a7c15ull >> 50;; i = (i + 1) & (TABLE - 1)) {
    if (table[i].address == key) return &table[i];
    if (!table[i].address) {
      if (!make) return 0;
      table[i].address = key;
      return &table[i];
    }
  }
}

bool is_shared(const void *address) {
  if (mode != EXPLORE_DEPTH_FIRST) return true;
  struct word *w = word(address, false);
  return w && w->shared;
}

void note_access(const void *address, bool writes) {
  if (mode != EXPLORE_DEPTH_FIRST) return;
  struct word *w = word(address, true);
  w->users |= 1 << me;
  if (writes) w->writers |= 1 << me;
  if (!w->shared && w->writers && (w->users & (w->users - 1))) has_grown = true;
}

static void learn(void) {
  for (int i = 0; i < TABLE; i++)
    if (table[i].writers && (table[i].users & (table[i].users - 1))) table[i].shared = true;
  has_grown = false;
}

void decisions_start(void) {
  depth = spent = done_count = next_named = 0;
  if (mode == EXPLORE_RANDOM) {
    for (int i = 0; i < cpu_count; i++) cpus[i].priority = random_number() | 1ull << 63;
    for (int i = 0; i < 4; i++) change_points[i] = random_number() % (usual_steps + 1);
  }
}

static int name_of(enum decision kind, int choice, const int *who) {
  return kind == HOLD ? 'h' : kind == LATE ? 'l' : kind == AGAIN ? 'a' : who[choice] >= 0 ? 's' : 'd';
}

static void tell(enum decision kind, int choice, const int *who) {
  if (choice == 0 || done_count == MAX_NAMED) return;
  int cpu = kind != WHO ? 0 : who[choice] >= 0 ? who[choice] : ~who[choice];
  done[done_count++] = (struct named){steps, name_of(kind, choice, who), cpu};
}

static int random_choice(enum decision kind, int options, const int *who) {
  if (kind != WHO) return random_number() % 4 == 0;
  // Priorities: the highest goes on; at the change points the running one gets the lowest.
  for (int i = 0; i < 4; i++)
    if (steps == change_points[i]) cpus[me].priority = i + 1;
  int best = 0;
  for (int i = 0; i < options; i++) {
    if (who[i] < 0) {
      if (random_number() % 4 == 0) return i;
    } else if (who[best] < 0 || cpus[who[i]].priority > cpus[who[best]].priority) {
      best = i;
    }
  }
  return best;
}

bool is_replayed_step(void) {
  while (next_named < named_count && named[next_named].step < steps) next_named++;
  return next_named < named_count && named[next_named].step == steps;
}

static int replayed_choice(enum decision kind, int options, const int *who) {
  if (!is_replayed_step()) return 0;
  struct named *n = &named[next_named];
  for (int choice = 1; choice < options; choice++) {
    if (name_of(kind, choice, who) != n->kind) continue;
    if (kind == WHO && (who[choice] >= 0 ? who[choice] : ~who[choice]) != n->cpu) continue;
    next_named++;
    return choice;
  }
  return 0;
}

int decide(enum decision kind, int options, int free, const int *who) {
  if (options < 2) return 0;
  int choice;
  if (mode == EXPLORE_RANDOM) {
    choice = random_choice(kind, options, who);
  } else if (mode == EXPLORE_REPLAY) {
    choice = replayed_choice(kind, options, who);
  } else {
    int affordable = spent < bound ? options : free;
    if (affordable < 2) return 0;
    if (depth == MAX_DECISIONS) explore_fail("too many decisions");
    if (depth >= known) {
      taken[depth].chosen = 0, taken[depth].options = affordable;
      known = depth + 1;
    }
    choice = taken[depth].chosen;
    if (choice >= options) explore_fail("the scenario does not repeat itself: something in it is not set up anew for each run");
    depth++;
    if (choice >= free) spent++;
  }
  tell(kind, choice, who);
  return choice;
}

void explore_search(int32_t most) {
  mode = EXPLORE_DEPTH_FIRST;
  bound = most, known = 0;
  memset(table, 0, sizeof table);
  has_grown = false;
}

bool explore_next(void) {
  if (steps > usual_steps) usual_steps = steps;
  if (has_grown) {
    learn();
    known = 0;
    return true;
  }
  known = depth;
  while (known && taken[known - 1].chosen + 1 >= taken[known - 1].options) known--;
  if (!known) return false;
  taken[known - 1].chosen++;
  return true;
}

void explore_randomly(uint64_t seed) {
  if (steps > usual_steps) usual_steps = steps;
  mode = EXPLORE_RANDOM;
  state = seed;
}

bool explore_replay(const char *schedule) {
  mode = EXPLORE_REPLAY;
  named_count = 0;
  while (*schedule) {
    char *end;
    struct named *n = &named[named_count];
    n->step = strtoull(schedule, &end, 10);
    if (end == schedule || !*end || !strchr("shdla", *end) || named_count == MAX_NAMED - 1) return false;
    n->kind = *end++;
    n->cpu = n->kind == 's' || n->kind == 'd' ? *end++ - '0' : 0;
    while (*end == ' ') end++;
    schedule = end;
    named_count++;
  }
  return true;
}

const char *explore_schedule(void) {
  int at = 0;
  text[0] = 0;
  for (int i = 0; i < done_count; i++) {
    at += sprintf(text + at, "%s%llu%c", i ? " " : "", (unsigned long long)done[i].step, done[i].kind);
    if (done[i].kind == 's' || done[i].kind == 'd') at += sprintf(text + at, "%d", done[i].cpu);
  }
  return text;
}
