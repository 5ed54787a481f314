// SPDX-License-Identifier: Apache-2.0
//
// A multiboot image for `record-processors`: it writes what CPUID says to QEMU's debug console, a line for each leaf and subleaf
// that is not zero, `LEAF.SUBLEAF EAX EBX ECX EDX` with eight hexadecimal digits each, and ends QEMU by its exit device.

  .set CONSOLE, 0xe9
  .set EXIT, 0x501
  .set MULTIBOOT_MAGIC, 0x1badb002
  .set MULTIBOOT_HAS_ADDRESSES, 0x10000

  .code32
  .text
  .globl _start
  .align 4
header:
  .long MULTIBOOT_MAGIC, MULTIBOOT_HAS_ADDRESSES, -(MULTIBOOT_MAGIC + MULTIBOOT_HAS_ADDRESSES)
  .long header, header, 0, 0, _start

_start:
  mov $stack, %esp
  // ESI is the leaf, EDI the subleaf, EBP the last leaf of a range.
  xor %esi, %esi
  mov %esi, %eax
  cpuid
  mov %eax, %ebp
  call range
  mov $0x80000000, %esi
  mov %esi, %eax
  cpuid
  mov %eax, %ebp
  // Old processors repeat some other leaf here.
  cmp $0x80000000, %ebp
  jb done
  cmp $0x80000100, %ebp
  ja done
  call range
done:
  mov $EXIT, %dx
  out %al, %dx
halt:
  hlt
  jmp halt

// All leaves from ESI to EBP: eight subleaves of 4, 7 and 0xb, sixty-four of 0xd, one of others.
range:
  xor %edi, %edi
subleaf:
  call answer
  xor %ecx, %ecx
  cmp $4, %esi
  je few
  cmp $7, %esi
  je few
  cmp $0xb, %esi
  je few
  cmp $0xd, %esi
  jne next
  mov $63, %ecx
  jmp next
few:
  mov $7, %ecx
next:
  cmp %ecx, %edi
  jae leaf
  inc %edi
  jmp subleaf
leaf:
  cmp %ebp, %esi
  jae end
  inc %esi
  jmp range
end:
  ret

// One line, if one of the registers is not zero or the leaf is the first.
answer:
  mov %esi, %eax
  mov %edi, %ecx
  cpuid
  push %edx
  push %ecx
  push %ebx
  push %eax
  // Leaf 0 counts whatever it says.
  test %esi, %esi
  jz line
  or %ebx, %eax
  or %ecx, %eax
  or %edx, %eax
  jnz line
  add $16, %esp
  ret
line:
  mov %esi, %eax
  call hexadecimal
  mov $'.', %al
  out %al, $CONSOLE
  mov %edi, %eax
  call hexadecimal
  mov $4, %edx
register:
  mov $' ', %al
  out %al, $CONSOLE
  pop %eax
  call hexadecimal
  dec %edx
  jnz register
  mov $'\n', %al
  out %al, $CONSOLE
  ret

// EAX in hexadecimal. Changes EAX, EBX, ECX.
hexadecimal:
  mov %eax, %ebx
  mov $8, %ecx
digit:
  rol $4, %ebx
  mov %bl, %al
  and $15, %al
  cmp $10, %al
  jb decimal
  add $('a' - '0' - 10), %al
decimal:
  add $'0', %al
  out %al, $CONSOLE
  loop digit
  ret

  .bss
  .skip 1024
stack:
