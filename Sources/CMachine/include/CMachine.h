// SPDX-License-Identifier: Apache-2.0
// What Swift cannot say: single instructions, and the layouts that the assembly and Swift share. Each function is one
// instruction or the shortest sequence that means one thing. Only the Machine target imports this module.
#ifndef CMACHINE_H
#define CMACHINE_H

// Everything is in one image: no symbol needs to go through a table of offsets.
#pragma GCC visibility push(hidden)
#include "instructions.h"
#include "guestwords.h"
#include "atomics.h"
#include "layout.h"
#pragma GCC visibility pop

#endif
