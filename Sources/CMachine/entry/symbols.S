// SPDX-License-Identifier: Apache-2.0
// An empty symbol table, for the first link; the second one brings the real one, in an object of its own.
#ifndef __linux__
  .section .rodata.martlet_symbols,"a"
  .p2align 3
  .weak martlet_symbols
martlet_symbols:
  .quad 0
  .section .note.GNU-stack,"",@progbits
#endif
