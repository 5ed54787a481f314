// SPDX-License-Identifier: Apache-2.0
// A few words from or to guest memory, straight between registers and the guest's mappings: what the hottest paths use
// instead of the copies of entry/guestcopy.S. As there, the caller has checked the guest's range, and a fault on the way ends
// it; each gives whether all went well (words already written stay written).
#ifndef MARTLET_GUESTWORDS_H
#define MARTLET_GUESTWORDS_H

struct martlet_words2 { uint64_t w0, w1; };
struct martlet_words3 { uint64_t w0, w1, w2; };
struct martlet_words9 { uint64_t w0, w1, w2, w3, w4, w5, w6, w7, w8; };

#ifdef __linux__
MARTLET_INLINE bool martlet_read_words2(uint64_t from, struct martlet_words2 *_Nonnull w) {
  return martlet_copy_from_guest(w, from, sizeof *w) == 0;
}
MARTLET_INLINE bool martlet_read_words3(uint64_t from, struct martlet_words3 *_Nonnull w) {
  return martlet_copy_from_guest(w, from, sizeof *w) == 0;
}
MARTLET_INLINE bool martlet_read_words9(uint64_t from, struct martlet_words9 *_Nonnull w) {
  return martlet_copy_from_guest(w, from, sizeof *w) == 0;
}
MARTLET_INLINE bool martlet_write_words7(
    uint64_t to, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3, uint64_t w4, uint64_t w5, uint64_t w6) {
  uint64_t words[] = {w0, w1, w2, w3, w4, w5, w6};
  return martlet_copy_to_guest(to, words, sizeof words) == 0;
}
MARTLET_INLINE bool martlet_write_words8(
    uint64_t to, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3, uint64_t w4, uint64_t w5, uint64_t w6, uint64_t w7) {
  uint64_t words[] = {w0, w1, w2, w3, w4, w5, w6, w7};
  return martlet_copy_to_guest(to, words, sizeof words) == 0;
}
#else

// Boot turns these three bytes into STAC (0xcb) or CLAC (0xca) where the CPU has SMAP, as in guestcopy.S.
#define MARTLET_ACCESS_GATE(label, last) \
  label ": nopl (%%rax)\n\t.pushsection .martlet_access_patches,\"a\"\n\t.quad " label "b, 0x" last "010f\n\t.popsection\n\t"
#define MARTLET_OPEN_ACCESS MARTLET_ACCESS_GATE("90", "cb")
#define MARTLET_CLOSE_ACCESS MARTLET_ACCESS_GATE("99", "ca")
// One word, at a label of its own; a fault goes on where access is closed, past the line that says all is well.
#define MARTLET_GET(label, word, offset) label ": movq " offset "(%[from]), %[" word "]\n\t" MARTLET_FIXUP(label "b", "99f")
#define MARTLET_PUT(label, word, offset) label ": movq %[" word "], " offset "(%[to])\n\t" MARTLET_FIXUP(label "b", "99f")

MARTLET_INLINE bool martlet_read_words2(uint64_t from, struct martlet_words2 *_Nonnull w) {
  uint32_t bad = 1;
  uint64_t a = 0, b = 0;
  __asm__ volatile(MARTLET_OPEN_ACCESS MARTLET_GET("10", "a", "0") MARTLET_GET("11", "b", "8")
                   "xorl %[bad], %[bad]\n\t" MARTLET_CLOSE_ACCESS
                   : [bad] "+r"(bad), [a] "+&r"(a), [b] "+&r"(b) : [from] "r"(from) : "memory");
  w->w0 = a, w->w1 = b;
  return bad == 0;
}
MARTLET_INLINE bool martlet_read_words3(uint64_t from, struct martlet_words3 *_Nonnull w) {
  uint32_t bad = 1;
  uint64_t a = 0, b = 0, c = 0;
  __asm__ volatile(MARTLET_OPEN_ACCESS MARTLET_GET("10", "a", "0") MARTLET_GET("11", "b", "8") MARTLET_GET("12", "c", "16")
                   "xorl %[bad], %[bad]\n\t" MARTLET_CLOSE_ACCESS
                   : [bad] "+r"(bad), [a] "+&r"(a), [b] "+&r"(b), [c] "+&r"(c) : [from] "r"(from) : "memory");
  w->w0 = a, w->w1 = b, w->w2 = c;
  return bad == 0;
}
// After a fault the words are undefined: the caller uses none.
MARTLET_INLINE bool martlet_read_words9(uint64_t from, struct martlet_words9 *_Nonnull w) {
  uint32_t bad = 1;
  uint64_t a, b, c, d, e, f, g, h, i;
  __asm__ volatile(MARTLET_OPEN_ACCESS MARTLET_GET("10", "a", "0") MARTLET_GET("11", "b", "8") MARTLET_GET("12", "c", "16")
                   MARTLET_GET("13", "d", "24") MARTLET_GET("14", "e", "32") MARTLET_GET("15", "f", "40")
                   MARTLET_GET("16", "g", "48") MARTLET_GET("17", "h", "56") MARTLET_GET("18", "i", "64")
                   "xorl %[bad], %[bad]\n\t" MARTLET_CLOSE_ACCESS
                   : [bad] "+&r"(bad), [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f),
                     [g] "=&r"(g), [h] "=&r"(h), [i] "=&r"(i)
                   : [from] "r"(from) : "memory");
  w->w0 = a, w->w1 = b, w->w2 = c, w->w3 = d, w->w4 = e, w->w5 = f, w->w6 = g, w->w7 = h, w->w8 = i;
  return bad == 0;
}
MARTLET_INLINE bool martlet_write_words7(
    uint64_t to, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3, uint64_t w4, uint64_t w5, uint64_t w6) {
  uint32_t bad = 1;
  __asm__ volatile(MARTLET_OPEN_ACCESS MARTLET_PUT("10", "a", "0") MARTLET_PUT("11", "b", "8") MARTLET_PUT("12", "c", "16")
                   MARTLET_PUT("13", "d", "24") MARTLET_PUT("14", "e", "32") MARTLET_PUT("15", "f", "40")
                   MARTLET_PUT("16", "g", "48") "xorl %[bad], %[bad]\n\t" MARTLET_CLOSE_ACCESS
                   : [bad] "+r"(bad)
                   : [to] "r"(to), [a] "r"(w0), [b] "r"(w1), [c] "r"(w2), [d] "r"(w3), [e] "r"(w4), [f] "r"(w5), [g] "r"(w6)
                   : "memory");
  return bad == 0;
}
MARTLET_INLINE bool martlet_write_words8(
    uint64_t to, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3, uint64_t w4, uint64_t w5, uint64_t w6, uint64_t w7) {
  uint32_t bad = 1;
  __asm__ volatile(MARTLET_OPEN_ACCESS MARTLET_PUT("10", "a", "0") MARTLET_PUT("11", "b", "8") MARTLET_PUT("12", "c", "16")
                   MARTLET_PUT("13", "d", "24") MARTLET_PUT("14", "e", "32") MARTLET_PUT("15", "f", "40")
                   MARTLET_PUT("16", "g", "48") MARTLET_PUT("17", "h", "56") "xorl %[bad], %[bad]\n\t" MARTLET_CLOSE_ACCESS
                   : [bad] "+r"(bad)
                   : [to] "r"(to), [a] "r"(w0), [b] "r"(w1), [c] "r"(w2), [d] "r"(w3), [e] "r"(w4), [f] "r"(w5), [g] "r"(w6),
                     [h] "r"(w7)
                   : "memory");
  return bad == 0;
}
#endif
#endif
