// SPDX-License-Identifier: Apache-2.0
// Copies between our memory and the guest's, through the guest's own mappings. The caller has checked that the guest's range
// lies outside the hypervisor's region; a fault on the way ends the copy and tells how much is left.
#ifndef __linux__

// Boot turns these three bytes into STAC or CLAC where the CPU has SMAP.
.macro OPEN_GUEST_ACCESS
9: nopl (%rax)
  .pushsection .martlet_access_patches,"a"
  .quad 9b, 0xcb010f
  .popsection
.endm
.macro CLOSE_GUEST_ACCESS
9: nopl (%rax)
  .pushsection .martlet_access_patches,"a"
  .quad 9b, 0xca010f
  .popsection
.endm
.macro FIXUP from, to
  .pushsection .martlet_fixups,"a"
  .quad \from, \to
  .popsection
.endm

  .section .text.martlet_guestcopy,"ax",@progbits

// uint64_t left = copy(to, from, bytes): words first, then the tail. In both directions, the fault tells in RCX what is left.
  .globl martlet_copy_from_guest
  .globl martlet_copy_to_guest
  .p2align 4
martlet_copy_from_guest:
martlet_copy_to_guest:
  OPEN_GUEST_ACCESS
  movq %rdx, %rcx
  shrq $3, %rcx
  andl $7, %edx
1: rep movsq
  movl %edx, %ecx
  jz 3f
2: rep movsb
3:
  CLOSE_GUEST_ACCESS
  movq %rcx, %rax
  ret
4: leaq (%rdx, %rcx, 8), %rcx
  jmp 3b
  FIXUP 1b, 4b
  FIXUP 2b, 3b

// uint64_t left = clear(to, bytes)
  .globl martlet_clear_guest
  .p2align 4
martlet_clear_guest:
  OPEN_GUEST_ACCESS
  movq %rsi, %rdx
  movq %rsi, %rcx
  shrq $3, %rcx
  andl $7, %edx
  movl $0, %eax
1: rep stosq
  movl %edx, %ecx
2: rep stosb
3:
  CLOSE_GUEST_ACCESS
  movq %rcx, %rax
  ret
4: leaq (%rdx, %rcx, 8), %rcx
  jmp 3b
  FIXUP 1b, 4b
  FIXUP 2b, 3b

// uint64_t faulted = cas64(to, &expected, value)
  .globl martlet_guest_cas64
  .p2align 4
martlet_guest_cas64:
  movq (%rsi), %rax
  OPEN_GUEST_ACCESS
1: lock cmpxchgq %rdx, (%rdi)
  movq %rax, (%rsi)
  xorl %eax, %eax
2:
  CLOSE_GUEST_ACCESS
  ret
3: movl $1, %eax
  jmp 2b
  FIXUP 1b, 3b

  .section .note.GNU-stack,"",@progbits
#endif
