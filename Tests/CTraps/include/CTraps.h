// SPDX-License-Identifier: Apache-2.0
//
// Traps of this process, for those tests that bring them about. Signal handlers are the process's, and tests run at the same time:
// who puts handlers in place and takes them away again takes somebody else's away. So there is one, for good, which asks each
// taker whether the trap of this thread is its own.

#ifndef CTRAPS_H
#define CTRAPS_H

#include <stdbool.h>

/// Whether the trap is the taker's; it has changed `context` (a ucontext_t) then. On the thread that trapped; may also not return.
typedef bool traps_taker(int signal, void *context);

/// Has SIGSEGV, SIGBUS, SIGILL, SIGTRAP and SIGFPE asked of `taker` from now on. Once each; not on another's path to a trap.
void traps_ask(traps_taker *taker);

#endif
