// SPDX-License-Identifier: Apache-2.0
//
// Switches all registers to those of a test, jumps to its instruction, and takes the registers back.

    .text
    .globl oracle_enter, oracle_leave

// void oracle_enter(struct oracle_state *state, const void *code)
oracle_enter:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, host_stack(%rip)
    mov %rdi, test_state(%rip)
    mov %rsi, test_code(%rip)
    push 128(%rdi)
    popfq
    // Only MOV from here on: the flags are the test's.
    mov 0(%rdi), %rax
    mov 8(%rdi), %rcx
    mov 16(%rdi), %rdx
    mov 24(%rdi), %rbx
    mov 32(%rdi), %rsp
    mov 40(%rdi), %rbp
    mov 48(%rdi), %rsi
    mov 64(%rdi), %r8
    mov 72(%rdi), %r9
    mov 80(%rdi), %r10
    mov 88(%rdi), %r11
    mov 96(%rdi), %r12
    mov 104(%rdi), %r13
    mov 112(%rdi), %r14
    mov 120(%rdi), %r15
    mov 56(%rdi), %rdi
    jmp *test_code(%rip)

oracle_leave:
    mov %rsp, test_stack(%rip)
    mov host_stack(%rip), %rsp
    pushfq
    push %rdi
    mov test_state(%rip), %rdi
    mov %rax, 0(%rdi)
    mov %rcx, 8(%rdi)
    mov %rdx, 16(%rdi)
    mov %rbx, 24(%rdi)
    mov test_stack(%rip), %rax
    mov %rax, 32(%rdi)
    mov %rbp, 40(%rdi)
    mov %rsi, 48(%rdi)
    mov %r8, 64(%rdi)
    mov %r9, 72(%rdi)
    mov %r10, 80(%rdi)
    mov %r11, 88(%rdi)
    mov %r12, 96(%rdi)
    mov %r13, 104(%rdi)
    mov %r14, 112(%rdi)
    mov %r15, 120(%rdi)
    pop 56(%rdi)
    pop 128(%rdi)
    cld
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .bss
    .balign 8
host_stack: .quad 0
test_stack: .quad 0
test_state: .quad 0
test_code: .quad 0
    .section .note.GNU-stack, "", @progbits
