// SPDX-License-Identifier: Apache-2.0
// What a CPU remembers of page tables: translations, and where walks go on below entries of levels 4 to 2. A remembered one is
// always used, however old: that is the worst that a real CPU may do. Only a write to CR3 and INVLPG make it forget.
#include <string.h>
#include "engine.h"

static struct cached *find(struct cpu *c, int level, uint64_t linear) {
  uint64_t key = linear >> (3 + 9 * level);
  for (int i = 0; i < c->cached_count; i++)
    if (c->cached[i].level == level && c->cached[i].key == key) return &c->cached[i];
  return 0;
}

static struct cached *add(struct cpu *c, int level, uint64_t linear, uint64_t frame, bool writable) {
  if (c->cached_count == MAX_TRANSLATIONS) memmove(c->cached, c->cached + 1, --c->cached_count * sizeof c->cached[0]);
  c->cached[c->cached_count] = (struct cached){linear >> (3 + 9 * level), frame, level, writable, false};
  return &c->cached[c->cached_count++];
}

void forget_translations(int cpu) { cpus[cpu].cached_count = 0; }

// INVLPG takes away one page's translation and all that is remembered of higher levels.
void explored_invalidate(uint64_t linear) {
  struct cpu *c = &cpus[me];
  int kept = 0;
  for (int i = 0; i < c->cached_count; i++)
    if (c->cached[i].level == 1 && c->cached[i].key != linear >> 12) c->cached[kept++] = c->cached[i];
  c->cached_count = kept;
}

static bool speculates;

// The frame that `linear` leads to, as this CPU sees it; all ones for a page fault.
static uint64_t lookup(uint64_t linear, bool write, struct explore_access *access) {
  struct cpu *c = &cpus[me];
  for (int i = 0; i < 5; i++) access->tables[i] = ~0ull;
  struct cached *leaf = find(c, 1, linear);
  if (leaf && (!write || (leaf->writable && leaf->dirty))) {
    access->stale_leaf = true;
    return leaf->frame;
  }
  if (leaf) {
    // A write that what is remembered does not allow, or by which the entry gets dirty, walks anew.
    *leaf = c->cached[--c->cached_count];
  }
  uint64_t table = martlet_simulated.cr3 >> 12 & 0xffffffffffull;
  bool writable = true;
  int level = 4;
  for (int l = 2; l <= 4; l++) {
    struct cached *upper = find(c, l, linear);
    if (upper) {
      table = upper->frame, writable = upper->writable, level = l - 1;
      break;
    }
  }
  for (;; level--) {
    if (table >= martlet_window_frames) return ~0ull;
    uint64_t *place = (uint64_t *)(martlet_window_base + (table << 12)) + (linear >> (3 + 9 * level) & 511);
    if (!speculates) point(place, false);
    note_access(place, false);
    access->tables[level] = table;
    uint64_t entry = *place;
    bool allowed = writable && entry & 2;
    if (!(entry & 1) || !(entry & 4) || (level == 1 && write && !allowed)) return ~0ull;
    uint64_t wanted = entry | 0x20 | (level == 1 && write ? 0x40 : 0);
    if (wanted != entry) {
      note_access(place, true);
      *place = wanted;
      stores++;
    }
    writable = allowed;
    table = entry >> 12 & 0xffffffffffull;
    if (level == 2 && entry & 0x80) {
      if (write && !writable) return ~0ull;
      table += linear >> 12 & 511;
      level = 1;
    }
    if (level == 1) {
      add(c, 1, linear, table, writable)->dirty = write;
      return table;
    }
    add(c, level, linear, table, writable);
  }
}

// A CPU may walk the tables for any address at any time, without being told to: at worst right after it has forgotten all.
static uint64_t speculated[EXPLORE_MAX_SPECULATED];
static int speculated_count;

void explore_speculate(const uint64_t *linear, int32_t count) {
  speculated_count = count < EXPLORE_MAX_SPECULATED ? count : EXPLORE_MAX_SPECULATED;
  memcpy(speculated, linear, speculated_count * sizeof *linear);
}

void remember_again(void) {
  if (!speculated_count || decide(AGAIN, 2, 2, 0) == 0) return;
  speculates = true;
  for (int i = 0; i < speculated_count; i++) {
    struct explore_access access = {.cpu = me};
    lookup(speculated[i], false, &access);
  }
  speculates = false;
}

uint64_t explored_translate(uint64_t linear, bool write) {
  struct explore_access access = {.cpu = me, .writes = write, .linear = linear};
  uint64_t frame = lookup(linear, write, &access);
  if (frame >= martlet_window_frames) return 0;
  drain_all(me);
  void *place = (void *)(martlet_window_base + (frame << 12) + (linear & 4095));
  if (write) stores++;
  return (uint64_t)place;
}

bool explore_guest_access(uint64_t linear, bool writes, uint64_t *value) {
  // Going to a guest and coming from it is serializing.
  drain_all(me);
  point(0, true);
  if (cpu_with_pending(me) && decide(LATE, 2, 2, 0) == 0) let_interrupts_in();
  struct explore_access access = {.cpu = me, .writes = writes, .linear = linear};
  uint64_t frame = lookup(linear, writes, &access);
  if (frame == ~0ull) return false;
  access.frame = frame;
  martlet_explorer = 0;
  const char *wrong = callbacks.judge(&access);
  martlet_explorer = &explorer;
  if (wrong) explore_fail(wrong);
  if (frame >= martlet_window_frames) return false;
  uint64_t *place = (uint64_t *)(martlet_window_base + (frame << 12) + (linear & 0xff8));
  note_access(place, writes);
  if (writes) {
    *place = *value;
    stores++;
  } else {
    *value = *place;
  }
  return true;
}
