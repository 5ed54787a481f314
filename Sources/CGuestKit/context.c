// SPDX-License-Identifier: Apache-2.0
//
// The start state of a second vCPU (vcpu_guest_context in arch-x86/xen.h). In C because Swift sees its arrays as
// tuples of hundreds of members.

#include "CGuestKit.h"

void gk_fill_context(uint64_t address, struct gk_start start) {
  struct vcpu_guest_context *context = (struct vcpu_guest_context *)address;
  __builtin_memset(context, 0, sizeof(*context));
  context->flags = VGCF_in_kernel | VGCF_syscall_disables_events;
  context->user_regs.rip = start.rip;
  context->user_regs.rsp = start.rsp;
  context->user_regs.rdi = start.rdi;
  context->user_regs.rflags = 0x1000;
  context->user_regs.cs = FLAT_KERNEL_CS;
  context->user_regs.ss = FLAT_KERNEL_SS;
  context->kernel_ss = FLAT_KERNEL_SS;
  context->kernel_sp = start.trap_stack;
  context->ctrlreg[3] = start.cr3;
  context->event_callback_eip = gk_address_event_entry();
  context->failsafe_callback_eip = gk_address_failsafe_entry();
  context->syscall_callback_eip = gk_address_syscall_entry();
  for (unsigned vector = 0; vector < 256; vector++) {
    context->trap_ctxt[vector].vector = (uint8_t)vector;
    context->trap_ctxt[vector].cs = FLAT_KERNEL_CS;
    context->trap_ctxt[vector].address = gk_address_trap_stubs() + vector * GK_STUB_BYTES;
  }
}
