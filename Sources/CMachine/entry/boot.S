// SPDX-License-Identifier: Apache-2.0
// From the boot loader's 32-bit protected mode to Swift in long mode at the hypervisor's own addresses, and the same for the
// other CPUs from real mode. The page tables made here only carry the boot: Swift builds the lasting ones.
#ifndef __linux__
#include "../include/layout.h"

#define PHYSICAL(symbol) ((symbol) - MARTLET_IMAGE_BASE)

#define MARTLET_BOOT_CS 0x08
#define MARTLET_BOOT_DS 0x10

#define MULTIBOOT1_MAGIC 0x1badb002
#define MULTIBOOT1_FLAGS 0x3
#define MULTIBOOT2_MAGIC 0xe85250d6

// The headers: both must stand, aligned, in the first 8 KiB of the file.
  .section .multiboot,"a",@progbits
  .p2align 3
  .long MULTIBOOT1_MAGIC, MULTIBOOT1_FLAGS, -(MULTIBOOT1_MAGIC + MULTIBOOT1_FLAGS)
  .p2align 3
multiboot2:
  .long MULTIBOOT2_MAGIC, 0, multiboot2_end - multiboot2, -(MULTIBOOT2_MAGIC + (multiboot2_end - multiboot2))
  // Ask for the memory map, the modules, and page-aligned modules.
  .p2align 3
  .short 1, 0
  .long 8 + 4 * 4
  .long 1, 3, 6, 15
  .p2align 3
  .short 6, 0
  .long 8
  .p2align 3
  .short 0, 0
  .long 8
multiboot2_end:

  .section .text.martlet_boot,"ax",@progbits
  .code32
  .globl martlet_start
martlet_start:
  cli
  cld
  movl %eax, %ebp
  movl %ebx, %esi
  movl $PHYSICAL(martlet_boot_stack_top), %esp
  // Long mode, or say so.
  movl $0x80000000, %eax
  cpuid
  cmpl $0x80000001, %eax
  jb no_long_mode
  movl $0x80000001, %eax
  cpuid
  btl $29, %edx
  jnc no_long_mode
  btl $20, %edx
  jnc no_long_mode
  // Level 2: the first 4 GiB in 2 MiB pages, used by all three mappings.
  movl $PHYSICAL(boot_l2), %edi
  movl $0x83, %eax
  xorl %edx, %edx
  movl $2048, %ecx
1:
  movl %eax, (%edi)
  movl %edx, 4(%edi)
  addl $8, %edi
  addl $0x200000, %eax
  loop 1b
  // Level 3.
  movl $PHYSICAL(boot_l3), %edi
  movl $PHYSICAL(boot_l2) + 3, %eax
  movl $4, %ecx
2:
  movl %eax, (%edi)
  addl $8, %edi
  addl $4096, %eax
  loop 2b
  // Level 4: identity, image, window.
  movl $PHYSICAL(boot_l3) + 3, %eax
  movl %eax, PHYSICAL(martlet_boot_l4)
  movl %eax, PHYSICAL(martlet_boot_l4) + 261 * 8
  movl %eax, PHYSICAL(martlet_boot_l4) + 262 * 8
  movl $PHYSICAL(martlet_boot_l4), %edi
  call enter_long_mode
  ljmpl $MARTLET_BOOT_CS, $PHYSICAL(boot_64)

no_long_mode:
  movl $PHYSICAL(no_long_mode_text), %esi
3:
  lodsb
  testb %al, %al
  jz 5f
  movb %al, %bl
  movw $0x3fd, %dx
4:
  inb %dx, %al
  testb $0x20, %al
  jz 4b
  movw $0x3f8, %dx
  movb %bl, %al
  outb %al, %dx
  jmp 3b
5:
  cli
  hlt
  jmp 5b
no_long_mode_text:
  .asciz "Martlet: this CPU has no 64-bit mode with no-execute pages; run on one that has.\r\n"

// Turns long mode on with the page tables at EDI; the caller jumps to 64-bit code. Nothing of what firmware has left in CR4 is
// kept: with five levels of page tables (LA57) it would be our undoing. That bit, as others, only goes while paging is off.
enter_long_mode:
  movl $0x11, %eax
  movl %eax, %cr0
  movl $0x20, %eax
  movl %eax, %cr4
  movl %edi, %cr3
  movl $0xc0000080, %ecx
  rdmsr
  orl $0x901, %eax
  wrmsr
  movl $0x80010033, %eax
  movl %eax, %cr0
  lgdt PHYSICAL(boot_gdt_register)
  ret

  .code64
boot_64:
  movabsq $1f, %rax
  jmp *%rax
1:
  movl $MARTLET_BOOT_DS, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  xorl %eax, %eax
  movl %eax, %fs
  movl %eax, %gs
  leaq martlet_boot_stack_top(%rip), %rsp
  lgdt boot_gdt_register_high(%rip)
  movl %ebp, %edi
  movl %esi, %esi
  xorl %ebp, %ebp
  call martlet_main
  ud2

// ---- The other CPUs ----
// Copied to a page below 1 MiB whose number is the start-up IPI's vector: position-independent but for what it reads here.
  .section .text.martlet_trampoline,"ax",@progbits
  .globl martlet_trampoline_start, martlet_trampoline_end
  .code16
martlet_trampoline_start:
  cli
  cld
  movw %cs, %ax
  movw %ax, %ds
  movzwl %ax, %ebx
  shll $4, %ebx
  // The far pointer and the GDT register hold addresses relative to this page: make them absolute.
  leal (trampoline_32 - martlet_trampoline_start)(%ebx), %eax
  movl %eax, trampoline_far - martlet_trampoline_start
  leal (trampoline_gdt - martlet_trampoline_start)(%ebx), %eax
  movl %eax, trampoline_gdt_register + 2 - martlet_trampoline_start
  lgdtl trampoline_gdt_register - martlet_trampoline_start
  movl $0x11, %eax
  movl %eax, %cr0
  ljmpl *(trampoline_far - martlet_trampoline_start)
  .p2align 3
trampoline_far:
  .long 0
  .short 0x18
trampoline_gdt_register:
  .short 31
  .long 0
  .p2align 3
trampoline_gdt:
  .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
  .code32
trampoline_32:
  movw $0x10, %ax
  movw %ax, %ds
  movw %ax, %ss
  movl $PHYSICAL(martlet_boot_l4), %edi
  movl $PHYSICAL(martlet_ap_stack_low_top), %esp
  movl $PHYSICAL(enter_long_mode), %eax
  call *%eax
  ljmpl $MARTLET_BOOT_CS, $PHYSICAL(ap_64)
martlet_trampoline_end:

  .section .text.martlet_boot,"ax",@progbits
  .code64
ap_64:
  movabsq $1f, %rax
  jmp *%rax
1:
  lgdt boot_gdt_register_high(%rip)
  movl $MARTLET_BOOT_DS, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  xorl %eax, %eax
  movl %eax, %fs
  movl %eax, %gs
  movq martlet_ap_cr3(%rip), %rax
  movq %rax, %cr3
  movq martlet_ap_stack(%rip), %rsp
  xorl %ebp, %ebp
  call martlet_ap_main
  ud2

  .section .data.martlet_boot,"aw",@progbits
  .p2align 3
boot_gdt:
  .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdt_register:
  .short 23
  .long PHYSICAL(boot_gdt)
  .p2align 3
boot_gdt_register_high:
  .short 23
  .quad boot_gdt
  .globl martlet_ap_cr3, martlet_ap_stack
  .p2align 3
martlet_ap_cr3: .quad 0
martlet_ap_stack: .quad 0

  .section .bss.martlet_boot,"aw",@nobits
  .p2align 12
  .globl martlet_boot_l4
martlet_boot_l4: .skip 4096
boot_l3: .skip 4096
boot_l2: .skip 4 * 4096
  // Aligned as every stack is, so that the block at its top is found the same way.
  .p2align 17
  .globl martlet_boot_stack
martlet_boot_stack:
  .skip MARTLET_STACK_SIZE - MARTLET_STACK_INFO_SIZE
martlet_boot_stack_top:
  .skip MARTLET_STACK_INFO_SIZE
  .skip 64
martlet_ap_stack_low_top:
  .section .note.GNU-stack,"",@progbits
#endif
