// SPDX-License-Identifier: Apache-2.0
//
// Where the hypervisor enters the guest: the start of day, 256 trap stubs, the callbacks, a second vCPU's first
// instruction; and the two ways in which the guest leaves its own control flow: an attempt, and user mode.
// The frame layouts are those of arch-x86/xen-x86_64.h; struct gk_frame in CGuestKit.h mirrors what is saved here.

#define IRET_HYPERCALL 23
#define STACK_BYTES 65536
#define VCPUS 4

  .section .note.Xen, "a", @note
#define NOTE_BEGIN(type)        \
  .balign 4;                    \
  .long 4, 2f - 1f, type;       \
  .asciz "Xen";                 \
  1:
#define NOTE_END \
  2:             \
  .balign 4
  NOTE_BEGIN(6);  .asciz "GuestKit"; NOTE_END                                   // XEN_ELFNOTE_GUEST_OS
  NOTE_BEGIN(7);  .asciz "1"; NOTE_END                                          // XEN_ELFNOTE_GUEST_VERSION
  NOTE_BEGIN(5);  .asciz "xen-3.0"; NOTE_END                                    // XEN_ELFNOTE_XEN_VERSION
  NOTE_BEGIN(8);  .asciz "generic"; NOTE_END                                    // XEN_ELFNOTE_LOADER
  NOTE_BEGIN(3);  .quad gk_virtual_base; NOTE_END                               // XEN_ELFNOTE_VIRT_BASE
  NOTE_BEGIN(4);  .quad 0; NOTE_END                                             // XEN_ELFNOTE_PADDR_OFFSET
  NOTE_BEGIN(1);  .quad gk_entry; NOTE_END                                      // XEN_ELFNOTE_ENTRY
  NOTE_BEGIN(2);  .quad gk_hypercall_page; NOTE_END                             // XEN_ELFNOTE_HYPERCALL_PAGE
  NOTE_BEGIN(10); .asciz "!writable_page_tables|pae_pgdir_above_4gb"; NOTE_END  // XEN_ELFNOTE_FEATURES
  NOTE_BEGIN(17); .long 1 << 11; NOTE_END                                       // SUPPORTED_FEATURES: XENFEAT_dom0
  NOTE_BEGIN(9);  .asciz "yes"; NOTE_END                                        // XEN_ELFNOTE_PAE_MODE
  NOTE_BEGIN(13); .quad 1, 1; NOTE_END                                          // L1_MFN_VALID: mask, value
  NOTE_BEGIN(12); .quad 0xffff800000000000; NOTE_END                            // XEN_ELFNOTE_HV_START_LOW
  NOTE_BEGIN(14); .long 1; NOTE_END                                             // XEN_ELFNOTE_SUSPEND_CANCEL

  .text
  .globl gk_hypercall_page
  .balign 4096
gk_hypercall_page:
  .skip 4096

// Start of day: rsi holds the virtual address of start_info. Move to our own stack before any Swift runs.
  .globl gk_entry
gk_entry:
  cld
  mov %rsi, gk_start_info(%rip)
  lea gk_stacks + STACK_BYTES(%rip), %rsp
  xor %ebp, %ebp
  call gk_boot
  xor %edi, %edi
  xor %esi, %esi
  call main
1: ud2
  jmp 1b

// A second vCPU: rdi holds its number, rsp its stack, both from its start context.
  .globl gk_secondary_entry
gk_secondary_entry:
  cld
  xor %ebp, %ebp
  call gk_secondary
1: ud2
  jmp 1b

// MARK: Trap stubs. One every 16 bytes; the hypervisor has pushed rcx, r11, then an error code for some vectors.

  .globl gk_trap_stubs
  .balign 16
gk_trap_stubs:
  .set vector, 0
  .rept 256
  .balign 16
  pop %rcx
  pop %r11
  .if !((vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21))
  pushq $0
  .endif
  pushq $vector
  jmp save_frame
  .set vector, vector + 1
  .endr
  .balign 16

#define CALLBACK(name, number) \
  .globl name;                 \
name:                          \
  pop %rcx;                    \
  pop %r11;                    \
  pushq $0;                    \
  pushq $number;               \
  jmp save_frame

CALLBACK(gk_syscall_entry, 0x100)
CALLBACK(gk_event_entry, 0x101)
CALLBACK(gk_nmi_entry, 0x103)
CALLBACK(gk_syscall32_entry, 0x104)

// The failsafe callback is also given the four data segment selectors that could not all be loaded.
  .globl gk_failsafe_entry
gk_failsafe_entry:
  pop %rcx
  pop %r11
  pop gk_failsafe_segments(%rip)
  pop gk_failsafe_segments + 8(%rip)
  pop gk_failsafe_segments + 16(%rip)
  pop gk_failsafe_segments + 24(%rip)
  pushq $0
  pushq $0x102
  jmp save_frame

#define SAVE_REGISTERS                                                                                       \
  push %rax; push %rcx; push %rdx; push %rbx; push %rbp; push %rsi; push %rdi; push %r8; push %r9; push %r10; \
  push %r11; push %r12; push %r13; push %r14; push %r15
#define RESTORE_REGISTERS                                                                                    \
  pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9; pop %r8; pop %rdi; pop %rsi; pop %rbp; \
  pop %rbx; pop %rdx; pop %rcx; pop %rax

save_frame:
  SAVE_REGISTERS
  cld
  mov %rsp, %rdi
  mov %rsp, %rbx
  and $-16, %rsp
  call gk_trap            // returns 1 when user mode has to give way to the kernel code that ran it
  mov %rbx, %rsp
  test %al, %al
  jnz leave_user
  RESTORE_REGISTERS
  add $8, %rsp            // the vector; the error code's place becomes the iret frame's flags
  movq $0, (%rsp)
  jmp gk_hypercall_page + IRET_HYPERCALL * 32

// User mode has trapped: gk_user holds its registers. Go back to the caller of gk_enter_user.
leave_user:
  mov gk_user_resume(%rip), %rsp
  movq $0, gk_user_resume(%rip)
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret

  .globl gk_enter_user
gk_enter_user:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, gk_user_resume(%rip)
  sub $(22 * 8), %rsp
  mov %rdi, %rax          // the iret frame's flags
  lea gk_user(%rip), %rsi
  mov %rsp, %rdi
  mov $22, %ecx
  rep movsq
  mov %rax, (16 * 8)(%rsp)
  RESTORE_REGISTERS
  add $8, %rsp
  jmp gk_hypercall_page + IRET_HYPERCALL * 32

// MARK: Attempts. Any fault in the called code resumes at label 1 with the stack as it was.

  .globl gk_attempt
gk_attempt:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, attempt_stack(%rip)
  lea 1f(%rip), %rax
  mov %rax, gk_recovery_target(%rip)
  mov %rdi, %r11
  pushq gk_attempted + 72(%rip)
  popfq
  mov gk_attempted(%rip), %rax
  mov gk_attempted + 8(%rip), %rbx
  mov gk_attempted + 16(%rip), %rcx
  mov gk_attempted + 24(%rip), %rdx
  mov gk_attempted + 32(%rip), %rsi
  mov gk_attempted + 40(%rip), %rdi
  mov gk_attempted + 48(%rip), %r8
  mov gk_attempted + 56(%rip), %r9
  mov gk_attempted + 64(%rip), %r10
  call *%r11
  mov %rax, gk_attempted(%rip)
  mov %rbx, gk_attempted + 8(%rip)
  mov %rcx, gk_attempted + 16(%rip)
  mov %rdx, gk_attempted + 24(%rip)
  mov %rsi, gk_attempted + 32(%rip)
  mov %rdi, gk_attempted + 40(%rip)
  mov %r8, gk_attempted + 48(%rip)
  mov %r9, gk_attempted + 56(%rip)
  mov %r10, gk_attempted + 64(%rip)
  pushfq
  popq gk_attempted + 72(%rip)
1:
  mov attempt_stack(%rip), %rsp
  movq $0, gk_recovery_target(%rip)
  cld
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret

  .bss
attempt_stack:
  .skip 8

  .globl gk_stacks
  .balign STACK_BYTES
gk_stacks:
  .skip STACK_BYTES * VCPUS

  .globl gk_shared_info_page
  .balign 4096
gk_shared_info_page:
  .skip 4096

  .section .note.GNU-stack, "", @progbits
