// SPDX-License-Identifier: Apache-2.0
//
// Memory, signals and the code page of the instruction oracle; the register switch itself is in enter.S.

#define _GNU_SOURCE
#include "CInstructionOracle.h"
#include "CTraps.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

void oracle_enter(struct oracle_state *state, const void *code);
void oracle_leave(void);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *region;
static uint8_t signal_stack[65536];
static volatile int raised;
// Whether this thread runs an instruction.
static _Thread_local volatile bool runs;

void oracle_lock(void) { pthread_mutex_lock(&lock); }
void oracle_unlock(void) { pthread_mutex_unlock(&lock); }

// Code page, unmapped page, data page, unmapped page: a stray access faults instead of hitting something.
static uint8_t *get_region(void)
{
    if (!region) {
        uint8_t *map = mmap(NULL, 4 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        if (map == MAP_FAILED)
            return NULL;
        if (mprotect(map, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) || mprotect(map + 8192, 4096, PROT_READ | PROT_WRITE))
            return NULL;
        region = map;
    }
    return region;
}

uint8_t *oracle_data(void)
{
    uint8_t *map = get_region();
    return map ? map + 8192 : NULL;
}

uint64_t oracle_code_address(void) { return (uint64_t)get_region(); }

static bool take(int number, void *context)
{
    ucontext_t *user = context;
    if (!runs)
        return false;
    raised = number;
    user->uc_mcontext.gregs[REG_RIP] = (greg_t)oracle_leave;
    return true;
}

static void ask(void) { traps_ask(take); }

int oracle_run(struct oracle_state *state, const uint8_t *bytes, size_t length)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint8_t *code = get_region();
    uint64_t target = (uint64_t)oracle_leave;

    if (!code || length > 64)
        return -1;
    memcpy(code, bytes, length);
    // jmp *0(%rip), with the target right behind it.
    static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
    memcpy(code + length, jump, sizeof jump);
    memcpy(code + length + sizeof jump, &target, sizeof target);

    stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof signal_stack }, old_stack;
    pthread_once(&once, ask);
    sigaltstack(&stack, &old_stack);
    raised = 0;
    runs = true;
    oracle_enter(state, code);
    runs = false;
    sigaltstack(&old_stack, NULL);
    return raised;
}
