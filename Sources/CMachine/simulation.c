// SPDX-License-Identifier: Apache-2.0
// Host tests only: simulated physical memory, model-specific registers, and the page walk behind guest copies.
#ifdef __linux__
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include "CMachine.h"

_Thread_local struct martlet_simulation martlet_simulated;
_Thread_local struct martlet_stack_info martlet_simulated_stack_info;
_Thread_local const struct martlet_explorer *martlet_explorer;
_Thread_local uint64_t martlet_explored_time;

bool martlet_simulation_start(uint64_t frames) {
  if (martlet_window_frames) munmap((void *)martlet_window_base, martlet_window_frames << 12);
  void *memory = mmap(0, frames << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  martlet_window_base = (uint64_t)memory;
  martlet_window_frames = frames;
  memset(&martlet_simulated, 0, sizeof martlet_simulated);
  memset(martlet_anchors, 0, sizeof martlet_anchors);
  return true;
}

// The segment bases, which instructions reach too.
static uint64_t *base(uint32_t msr) {
  return msr == 0xc0000100   ? &martlet_simulated.fs_base
         : msr == 0xc0000101 ? &martlet_simulated.gs_base
         : msr == 0xc0000102 ? &martlet_simulated.inactive_gs_base
                             : 0;
}

bool martlet_rdmsr_safe(uint32_t msr, uint64_t *value) {
  if (base(msr)) {
    *value = *base(msr);
    return true;
  }
  for (uint64_t i = 0; i < martlet_simulated.msr_count; i++)
    if (martlet_simulated.msr_number[i] == msr) {
      *value = martlet_simulated.msr_value[i];
      return true;
    }
  *value = 0;
  return false;
}

bool martlet_wrmsr_safe(uint32_t msr, uint64_t v) {
  if (base(msr)) {
    *base(msr) = v;
    return true;
  }
  for (uint64_t i = 0; i < martlet_simulated.msr_count; i++)
    if (martlet_simulated.msr_number[i] == msr) {
      martlet_simulated.msr_value[i] = v;
      return true;
    }
  if (martlet_simulated.msr_count == 64) return false;
  martlet_simulated.msr_number[martlet_simulated.msr_count] = msr;
  martlet_simulated.msr_value[martlet_simulated.msr_count++] = v;
  return true;
}

// A 16550A as far as sending goes: 16 bytes of FIFO, "ready" when it is empty, a reason for an interrupt when it becomes so.
void martlet_out8(uint16_t port, uint8_t v) {
  struct martlet_simulation *s = &martlet_simulated;
  if (!s->uart_base) return;
  if (port == s->uart_base) {
    if (s->uart_fifo == 16) { s->uart_lost++; return; }
    s->uart_text[s->uart_count++ % sizeof s->uart_text] = v;
    s->uart_fifo += !s->uart_instant;
    s->uart_reason = s->uart_instant;
  } else if (port == s->uart_base + 1) {
    if (v & 2 & ~s->uart_enabled && !s->uart_fifo) s->uart_reason = 1;
    s->uart_enabled = v;
  }
}
uint8_t martlet_in8(uint16_t port) {
  struct martlet_simulation *s = &martlet_simulated;
  if (!s->uart_base) return 0xff;
  if (port == s->uart_base + 5) return s->uart_fifo ? 0 : 0x60;
  if (port != s->uart_base + 2) return 0xff;
  bool is_reason = s->uart_reason && s->uart_enabled & 2;
  if (is_reason) s->uart_reason = 0;
  return is_reason ? 0xc2 : 0xc1;
}

// The host address behind a guest's linear address, or 0: present (and writable) at every level, no reserved bits.
static uint64_t walk(uint64_t linear, bool write) {
  if (martlet_explorer) return martlet_explorer->translate(linear, write);
  uint64_t table = martlet_simulated.cr3 >> 12 & 0xffffffffffull;
  for (int level = 4; level >= 1; level--) {
    if (table >= martlet_window_frames) return 0;
    uint64_t entry = ((uint64_t *)(martlet_window_base + (table << 12)))[linear >> (3 + 9 * level) & 511];
    if (!(entry & 1) || (write && !(entry & 2)) || !(entry & 4)) return 0;
    uint64_t frame = entry >> 12 & 0xffffffffffull;
    if (level == 2 && (entry & 0x80)) frame += linear >> 12 & 511, level = 1;
    table = frame;
  }
  if (table >= martlet_window_frames) return 0;
  return martlet_window_base + (table << 12) + (linear & 4095);
}

static uint64_t transfer(uint64_t guest, void *ours, uint64_t bytes, int kind) {
  while (bytes) {
    uint64_t here = walk(guest, kind != 0), chunk = 4096 - (guest & 4095);
    if (kind != 0 && martlet_simulated.read_only_page == (guest >> 12) + 1) here = martlet_simulated.read_only_page = 0;
    if (!here) {
      uint32_t code = (walk(guest, false) ? 1 : 0) | (kind != 0 ? 2 : 0);
      if (martlet_simulated.page_fault && martlet_simulated.page_fault(guest, code)) continue;
      return bytes;
    }
    if (chunk > bytes) chunk = bytes;
    if (kind == 0) memcpy(ours, (void *)here, chunk);
    else if (kind == 1) memcpy((void *)here, ours, chunk);
    else memset((void *)here, 0, chunk);
    guest += chunk, bytes -= chunk;
    if (kind != 2) ours = (char *)ours + chunk;
  }
  return 0;
}

uint64_t martlet_copy_from_guest(void *to, uint64_t from, uint64_t bytes) { return transfer(from, to, bytes, 0); }
uint64_t martlet_copy_to_guest(uint64_t to, const void *from, uint64_t bytes) { return transfer(to, (void *)from, bytes, 1); }
uint64_t martlet_clear_guest(uint64_t to, uint64_t bytes) { return transfer(to, 0, bytes, 2); }

uint64_t martlet_guest_cas64(uint64_t to, uint64_t *expected, uint64_t value) {
  uint64_t here = walk(to, true);
  if (!here) return 1;
  *expected = martlet_cas64((void *)here, *expected, value);
  return 0;
}
#endif
