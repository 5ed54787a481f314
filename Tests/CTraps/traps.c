// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CTraps.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MOST_TAKERS = 4, COUNT = 5 };
static const int signals[COUNT] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
static _Atomic(traps_taker *) takers[MOST_TAKERS];
static atomic_int taker_count;
static struct sigaction before[COUNT];

static void trapped(int signal, siginfo_t *info, void *context) {
  (void)info;
  for (int i = 0; i < MOST_TAKERS; i++) {
    traps_taker *taker = takers[i];
    if (taker && taker(signal, context)) return;
  }
  // Nobody's: it happens once more, and ends the process as it would have without us.
  for (int i = 0; i < COUNT; i++)
    if (signals[i] == signal) sigaction(signal, &before[i], 0);
}

static void install(void) {
  // Not deferred: a taker may go elsewhere instead of returning. A stack of its own, where the thread has one: what trapped may have
  // left none.
  struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  for (int i = 0; i < COUNT; i++) sigaction(signals[i], &action, &before[i]);
}

void traps_ask(traps_taker *taker) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install);
  int place = atomic_fetch_add(&taker_count, 1);
  if (place >= MOST_TAKERS) abort();
  takers[place] = taker;
}
