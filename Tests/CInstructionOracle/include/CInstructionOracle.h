// SPDX-License-Identifier: Apache-2.0
//
// Runs a few instruction bytes on the real CPU with chosen registers and flags, so that the emulator's answers can be
// compared with the machine's. Test code only; x86-64 Linux hosts.

#ifndef MARTLET_C_INSTRUCTION_ORACLE_H
#define MARTLET_C_INSTRUCTION_ORACLE_H

#include <stddef.h>
#include <stdint.h>

/// General registers in encoding order, and RFLAGS.
struct oracle_state {
    uint64_t registers[16];
    uint64_t flags;
};

/// Size in bytes of the data area.
#define ORACLE_DATA_SIZE 4096

/// The data area, below 2 GiB and near the code, or NULL when memory could not be had.
uint8_t *oracle_data(void);

/// The address that `oracle_run` puts the instruction at.
uint64_t oracle_code_address(void);

/// Runs `length` bytes (at most 64) with `state`, and leaves the registers and flags after it in `state`.
/// Returns 0, or the number of the signal that the instruction raised (then `state` is that of the fault).
/// Not for several threads at once; hold `oracle_lock` around setting up the data area and running.
int oracle_run(struct oracle_state *state, const uint8_t *bytes, size_t length);

/// A process-wide lock for the data area and the code.
void oracle_lock(void);
void oracle_unlock(void);

#endif
