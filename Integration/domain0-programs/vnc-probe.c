// SPDX-License-Identifier: Apache-2.0
//
// Looks at a guest's screen and types on its keyboard, by VNC (RFB 3.8, RFC 6143): how a test sees a PV framebuffer.
//
// usage: vnc-probe PORT [TEXT]. Connects to 127.0.0.1, types TEXT and the Enter key if there is one, waits a second for what
// comes of it, and prints "WIDTHxHEIGHT NAME: LIT of ALL pixels lit", a lit pixel being one that is not black. Ends with status
// 1 and a reason when the server does not keep to the protocol.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int server;

static void die(const char *what) {
  fprintf(stderr, "vnc-probe: %s\n", what);
  exit(1);
}

// Buffered, as pixels are read one by one.
static void get(void *bytes, size_t count) {
  static char buffer[65536];
  static size_t first, last;
  for (char *at = bytes; count > 0; count--) {
    if (first == last) {
      ssize_t some = read(server, buffer, sizeof buffer);
      if (some <= 0) die("the server says no more");
      first = 0, last = some;
    }
    *at++ = buffer[first++];
  }
}

static void put(const void *bytes, size_t count) {
  if (write(server, bytes, count) != (ssize_t)count) die("the server does not listen");
}

static unsigned get16(void) {
  uint16_t x;
  get(&x, 2);
  return ntohs(x);
}

static unsigned get32(void) {
  uint32_t x;
  get(&x, 4);
  return ntohl(x);
}

static void skip(size_t count) {
  char byte;
  while (count-- > 0) get(&byte, 1);
}

// Presses and releases a key, by its X11 keysym, which for printable ASCII is the character.
static void type(unsigned keysym) {
  for (int down = 1; down >= 0; down--) {
    uint8_t message[8] = {4, down, 0, 0, 0, 0, keysym >> 8, keysym};
    put(message, 8);
    usleep(30000);
  }
}

// Greets, with no security, and leaves the server's first message read up to the size of the screen.
static void greet(void) {
  char version[13] = "";
  get(version, 12);
  if (strncmp(version, "RFB 003.", 8) != 0) die("it does not speak RFB 3");
  put("RFB 003.008\n", 12);
  uint8_t count, kind;
  get(&count, 1);
  if (count == 0) die("it refuses");
  int open = 0;
  while (count-- > 0) {
    get(&kind, 1);
    open |= kind == 1;
  }
  if (!open) die("it wants a password");
  put("\1", 1);
  if (get32() != 0) die("it does not let us in");
  // Shared: others may look on.
  put("\1", 1);
}

int main(int count, char **words) {
  if (count < 2) {
    fprintf(stderr, "usage: vnc-probe PORT [TEXT]\n");
    return 2;
  }
  server = socket(AF_INET, SOCK_STREAM, 0);
  struct timeval patience = {20, 0};
  setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(server, (void *)&address, sizeof address) != 0) die("nobody listens at that port");
  greet();
  unsigned width = get16(), height = get16();
  // The pixels' format is the server's choice; only their size matters here.
  uint8_t bits;
  get(&bits, 1);
  skip(15);
  unsigned length = get32();
  char name[256] = "";
  if (length >= sizeof name) die("its name is too long");
  get(name, length);
  if (width == 0 || height == 0 || width > 4096 || height > 4096 || bits % 8 != 0) die("its screen is impossible");

  if (count > 2) {
    for (const char *at = words[2]; *at; at++) type((uint8_t)*at);
    type(0xff0d);
    sleep(1);
  }

  // Encodings: raw alone. Then the whole screen, whether it has changed or not.
  put((uint8_t[]){2, 0, 0, 1, 0, 0, 0, 0}, 8);
  put((uint8_t[]){3, 0, 0, 0, 0, 0, width >> 8, width, height >> 8, height}, 10);
  size_t lit = 0, seen = 0, all = (size_t)width * height, bytes = bits / 8;
  while (seen < all) {
    uint8_t kind;
    get(&kind, 1);
    if (kind == 2) continue;                                       // bell
    if (kind == 3) { skip(3); skip(get32()); continue; }           // cut text
    if (kind == 1) { skip(3); skip(get16() * 6); continue; }       // colours
    if (kind != 0) die("it sends what nobody asked for");
    skip(1);
    for (unsigned left = get16(); left > 0; left--) {
      skip(4);
      unsigned w = get16(), h = get16();
      if (get32() != 0 || w > width || h > height) die("a rectangle is not raw, or larger than the screen");
      for (size_t i = 0; i < (size_t)w * h; i++) {
        uint8_t pixel[4];
        get(pixel, bytes);
        // The fourth byte of a pixel of four is padding.
        for (size_t k = 0; k < (bytes == 4 ? 3 : bytes); k++)
          if (pixel[k] != 0) { lit++; break; }
      }
      seen += (size_t)w * h;
    }
  }
  printf("%ux%u %s: %zu of %zu pixels lit\n", width, height, name, lit, seen);
  return 0;
}
