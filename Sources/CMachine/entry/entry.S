// SPDX-License-Identifier: Apache-2.0
// The doors into the hypervisor and the one way back: exceptions, interrupts, SYSCALL, and the return to whatever was
// interrupted. Everything is saved in one `martlet_frame` and handed to Swift; nothing is decided here.
//
// Interrupts stay off from entry to exit. The CPU never runs on a guest's stack, nor with GS changed: the SYSCALL stub of
// each CPU knows its own stack, so SWAPGS stays the guest's.
#ifndef __linux__
#include "../include/layout.h"

#define FRAME_VECTOR (15 * 8 + 4)

.macro SAVE_REGISTERS
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %rcx
  pushq %rax
  pushq %r8
  pushq %r9
  pushq %r10
  pushq %r11
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
.endm

.macro RESTORE_REGISTERS
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  popq %r11
  popq %r10
  popq %r9
  popq %r8
  popq %rax
  popq %rcx
  popq %rdx
  popq %rsi
  popq %rdi
.endm

// Under SMAP a guest could enter with EFLAGS.AC set and so open its own memory to us unasked. Boot turns these three bytes
// into CLAC where the CPU has it.
.macro CLOSE_GUEST_ACCESS
1: nopl (%rax)
  .pushsection .martlet_access_patches,"a"
  .quad 1b, 0xca010f
  .popsection
.endm

  .section .data.rel.ro.martlet_vector_stubs,"aw"
  .p2align 3
  .globl martlet_vector_stubs
martlet_vector_stubs:
  .section .data.rel.ro.martlet_syscall_stubs,"aw"
  .p2align 3
  .globl martlet_syscall_stubs
martlet_syscall_stubs:
  .section .data.rel.ro.martlet_compat_stubs,"aw"
  .p2align 3
  .globl martlet_compat_stubs
martlet_compat_stubs:

  .section .text.martlet_entry,"ax",@progbits

// ---- SYSCALL: hypercalls from guest kernels, system calls from guest applications ----
  .set cpu, 0
.rept MARTLET_MAX_CPUS
  .p2align 5
martlet_syscall_stub_\+:
  movq %rsp, martlet_syscall_slots + cpu * MARTLET_SYSCALL_SLOT_SIZE(%rip)
  movq martlet_syscall_slots + 8 + cpu * MARTLET_SYSCALL_SLOT_SIZE(%rip), %rsp
  pushq $MARTLET_GUEST_DS
  pushq martlet_syscall_slots + cpu * MARTLET_SYSCALL_SLOT_SIZE(%rip)
  jmp syscall_common
  .pushsection .data.rel.ro.martlet_syscall_stubs,"aw"
  .quad martlet_syscall_stub_\+
  .popsection
  .set cpu, cpu + 1
.endr

// The same from 32-bit code, where the CPU lets it use SYSCALL (AMD's do).
  .set cpu, 0
.rept MARTLET_MAX_CPUS
  .p2align 5
martlet_compat_stub_\+:
  movq %rsp, martlet_syscall_slots + cpu * MARTLET_SYSCALL_SLOT_SIZE(%rip)
  movq martlet_syscall_slots + 8 + cpu * MARTLET_SYSCALL_SLOT_SIZE(%rip), %rsp
  pushq $MARTLET_GUEST_DS
  pushq martlet_syscall_slots + cpu * MARTLET_SYSCALL_SLOT_SIZE(%rip)
  jmp compat_common
  .pushsection .data.rel.ro.martlet_compat_stubs,"aw"
  .quad martlet_compat_stub_\+
  .popsection
  .set cpu, cpu + 1
.endr

  .p2align 5
compat_common:
  pushq %r11
  pushq $MARTLET_GUEST_CS32
  pushq %rcx
  pushq $0
  SAVE_REGISTERS
  movq %rsp, %rdi
  subq $8, %rsp
  xorl %ebp, %ebp
  call martlet_syscall_compat
  addq $8, %rsp
  jmp martlet_exit

  .p2align 5
syscall_common:
  pushq %r11
  pushq $MARTLET_GUEST_CS64
  pushq %rcx
  pushq $0
  movl $MARTLET_VECTOR_SYSCALL, 4(%rsp)
  SAVE_REGISTERS
  movq %rsp, %rdi
  subq $8, %rsp
  xorl %ebp, %ebp
  call martlet_syscall
  addq $8, %rsp
  // Falls through to the exit.

  .globl martlet_exit
martlet_exit:
  testb $(MARTLET_VECTOR_SYSCALL >> 8), FRAME_VECTOR + 1(%rsp)
  RESTORE_REGISTERS
  jz 1f
  movq 8(%rsp), %rcx
  movq 24(%rsp), %r11
  movq 32(%rsp), %rsp
  sysretq
1:
  addq $8, %rsp
martlet_iret_to_guest:
  iretq
  .pushsection .martlet_fixups,"a"
  .quad martlet_iret_to_guest, iret_refused
  .popsection

// IRETQ to the guest faulted: one of the selectors, or RIP, is not one that the CPU takes. The frame that it tried is still
// on the stack; complete it again and let Swift tell the guest.
iret_refused:
  pushq $0
  SAVE_REGISTERS
  movq %rsp, %rdi
  subq $8, %rsp
  xorl %ebp, %ebp
  call martlet_iret_refused
  addq $8, %rsp
  jmp martlet_exit

  .globl martlet_resume_guest
martlet_resume_guest:
  orq $(MARTLET_STACK_SIZE - 1), %rsp
  leaq 1 - MARTLET_STACK_INFO_SIZE - 168(%rsp), %rsp
  jmp martlet_exit

  .globl martlet_switch_stack
martlet_switch_stack:
  // The guest's frame has its place at the very top: start below it.
  leaq -192(%rdi), %rsp
  xorl %ebp, %ebp
  call *%rsi
  ud2

// ---- Exceptions and interrupts ----
// With an error code: 8, 10 to 14, 17, 21, 29, 30. On their own stacks: 1, 2, 8, 18.
  .set vector, 0
.rept 256
  .p2align 4
martlet_vector_\+:
  .set has_code, 0
  .if (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .set has_code, 1
  .endif
  .if has_code == 0
  pushq $0
  .endif
  movl $vector, 4(%rsp)
  .if vector == 2
  jmp nmi_common
  .elseif vector == 8
  jmp fatal_common
  .elseif vector == 18
  jmp check_common
  .elseif vector == 1
  jmp debug_common
  .elseif vector == 14
  jmp page_fault_common
  .else
  jmp trap_common
  .endif
  .pushsection .data.rel.ro.martlet_vector_stubs,"aw"
  .quad martlet_vector_\+
  .popsection
  .set vector, vector + 1
.endr

  .p2align 5
page_fault_common:
  cld
  CLOSE_GUEST_ACCESS
  SAVE_REGISTERS
  movq %rsp, %rdi
  subq $8, %rsp
  xorl %ebp, %ebp
  call martlet_page_fault
  addq $8, %rsp
  jmp martlet_exit

  .p2align 5
trap_common:
  cld
  CLOSE_GUEST_ACCESS
  SAVE_REGISTERS
  movq %rsp, %rdi
  subq $8, %rsp
  xorl %ebp, %ebp
  call martlet_trap
  addq $8, %rsp
  jmp martlet_exit

// A debug exception can be held back by MOV SS until the first instruction of the SYSCALL stub, which runs on the guest's
// stack: hence a stack of its own. One from ring 3 moves to the ordinary stack, because it may lead to a context switch.
debug_common:
  cld
  CLOSE_GUEST_ACCESS
  SAVE_REGISTERS
  testb $3, FRAME_VECTOR + 4 + 8(%rsp)
  jz 1f
  movq %rsp, %rsi
  orq $(MARTLET_STACK_SIZE - 1), %rsp
  movq 1 - MARTLET_STACK_INFO_SIZE(%rsp), %rdi
  subq $168, %rdi
  movq %rdi, %rsp
  movl $21, %ecx
  rep movsq
1:
  movq %rsp, %rdi
  subq $8, %rsp
  xorl %ebp, %ebp
  call martlet_trap
  addq $8, %rsp
  jmp martlet_exit

// A machine check may come at any instruction: hence a stack of its own. One from ring 3 moves to the ordinary stack, as a debug
// exception does; one from ring 0 goes on where it was, if it can.
check_common:
  cld
  CLOSE_GUEST_ACCESS
  SAVE_REGISTERS
  testb $3, FRAME_VECTOR + 4 + 8(%rsp)
  jz 1f
  movq %rsp, %rsi
  orq $(MARTLET_STACK_SIZE - 1), %rsp
  movq 1 - MARTLET_STACK_INFO_SIZE(%rsp), %rdi
  subq $168, %rdi
  movq %rdi, %rsp
  movl $21, %ecx
  rep movsq
  movq %rsp, %rdi
  subq $8, %rsp
  xorl %ebp, %ebp
  call martlet_machine_check
  addq $8, %rsp
  jmp martlet_exit
1:
  movq %rsp, %rdi
  subq $8, %rsp
  xorl %ebp, %ebp
  call martlet_machine_check
  addq $8, %rsp
  RESTORE_REGISTERS
  addq $8, %rsp
  iretq

nmi_common:
  cld
  CLOSE_GUEST_ACCESS
  SAVE_REGISTERS
  movq %rsp, %rdi
  subq $8, %rsp
  xorl %ebp, %ebp
  call martlet_nmi
  addq $8, %rsp
  RESTORE_REGISTERS
  addq $8, %rsp
  iretq

fatal_common:
  cld
  CLOSE_GUEST_ACCESS
  SAVE_REGISTERS
  movq %rsp, %rdi
  subq $8, %rsp
  xorl %ebp, %ebp
  call martlet_fatal
  ud2

  .globl martlet_reset_by_triple_fault
martlet_reset_by_triple_fault:
  pushq $0
  pushq $0
  lidt (%rsp)
  ud2

  .section .note.GNU-stack,"",@progbits
#endif
