// SPDX-License-Identifier: Apache-2.0
//
// What guests do in the tests of xl: data that can be checked, work that can be counted, and the ways to be a bad neighbour.
//
// usage: work write SEED BYTES     writes that much noise to standard output, the same for the same seed
//        work check SEED BYTES     reads as much from standard input; ends with status 0 when it is that noise, to the byte
//        work send ADDRESS PORT SEED BYTES   writes them to a TCP connection, which it tries for 30 seconds to open
//        work receive PORT SEED BYTES        checks what comes by the first TCP connection to that port
//        work measure              counts units of computation for ever; each second one line "WORK units nanoseconds", both
//                                  since the start, the second by the guest's monotonic clock
//        work clock                once: the time of day, and the monotonic clock, in seconds with nine decimals
//        work hog cpu|fork|memory  for ever: computes; forks, each child again; writes all the memory that there is
//        work hog disk FILE        for ever: writes and reads a block device or file, past the page cache
//        work hog net ADDRESS      for ever: sends UDP packets of full size to the discard port

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { block = 1 << 16, blockWords = block / 8 };

static uint64_t noise;

static void fill(uint64_t *words) {
  for (int i = 0; i < blockWords; i++) {
    noise ^= noise << 13;
    noise ^= noise >> 7;
    noise ^= noise << 17;
    words[i] = noise;
  }
}

static void seed(const char *text) { noise = strtoull(text, NULL, 0) * 0x9e3779b97f4a7c15u | 1; }

static int writeNoise(uint64_t bytes) {
  static uint64_t words[blockWords];
  while (bytes > 0) {
    fill(words);
    size_t left = bytes < block ? bytes : block;
    bytes -= left;
    for (const char *from = (const char *)words; left > 0;) {
      ssize_t done = write(1, from, left);
      if (done <= 0) {
        perror("work: write");
        return 1;
      }
      from += done;
      left -= done;
    }
  }
  return 0;
}

static int checkNoise(uint64_t bytes) {
  static uint64_t expected[blockWords], seen[blockWords];
  uint64_t place = 0;
  while (place < bytes) {
    size_t wanted = bytes - place < block ? bytes - place : block, have = 0;
    fill(expected);
    while (have < wanted) {
      ssize_t done = read(0, (char *)seen + have, wanted - have);
      if (done < 0) perror("work: read");
      if (done <= 0) {
        printf("work: the data end after %llu of %llu bytes\n", (unsigned long long)(place + have),
               (unsigned long long)bytes);
        return 1;
      }
      have += done;
    }
    if (memcmp(expected, seen, wanted) != 0) {
      size_t at = 0;
      while (((char *)expected)[at] == ((char *)seen)[at]) at++;
      printf("work: byte %llu is wrong\n", (unsigned long long)(place + at));
      return 1;
    }
    place += wanted;
  }
  return 0;
}

// The end of a TCP connection to the address, or without one of the first connection from elsewhere; below 0 without.
static int connection(const char *address, const char *port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 0))};
  if (address != NULL && inet_pton(AF_INET, address, &at.sin_addr) != 1) return -1;
  for (int tries = 0; tries < 300; tries++) {
    int end = socket(AF_INET, SOCK_STREAM, 0);
    if (address == NULL) {
      setsockopt(end, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
      if (bind(end, (struct sockaddr *)&at, sizeof at) != 0 || listen(end, 1) != 0) return -1;
      return accept(end, NULL, NULL);
    }
    if (connect(end, (struct sockaddr *)&at, sizeof at) == 0) return end;
    close(end);
    usleep(100000);
  }
  return -1;
}

// Makes the connection the standard input or output.
static int openConnection(const char *address, const char *port, int file) {
  int end = connection(address, port);
  if (end >= 0 && dup2(end, file) == file) return 0;
  perror("work: no connection");
  return 1;
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

// One unit is short beside a second, and long beside the look at the clock after it.
static void unit(void) {
  static volatile uint64_t sink;
  uint64_t value = sink;
  for (int i = 0; i < 20000; i++) value = value * 6364136223846793005u + 1442695040888963407u;
  sink = value;
}

static int tellClock(void) {
  struct timespec day, monotonic;
  clock_gettime(CLOCK_REALTIME, &day);
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  printf("%lld.%09ld %lld.%09ld\n", (long long)day.tv_sec, day.tv_nsec, (long long)monotonic.tv_sec,
         monotonic.tv_nsec);
  return 0;
}

static void measure(void) {
  uint64_t start = now(), next = start + 1000000000, units = 0;
  for (;;) {
    unit();
    units++;
    uint64_t time = now();
    if (time < next) continue;
    printf("WORK %llu %llu\n", (unsigned long long)units, (unsigned long long)(time - start));
    fflush(stdout);
    while (next <= time) next += 1000000000;
  }
}

static void forkForEver(void) {
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    if (fork() < 0) {
      // The table is full or the memory is: go on trying, as such programs do.
      for (int i = 0; i < 10; i++) unit();
    }
  }
}

static void fillMemory(void) {
  // What is free now, but for what the kernel needs besides: with more the kernel would end this program.
  size_t size = (size_t)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE) / 4 * 3;
  char *memory = MAP_FAILED;
  while (memory == MAP_FAILED && size > 4096) {
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) size /= 2;
  }
  // Each round gives all pages back to the kernel and takes them anew, so that page tables are worked hard too.
  for (unsigned round = 0;; round++) {
    for (size_t at = 0; at < size; at += 4096) memory[at] = (char)round;
    madvise(memory, size, MADV_DONTNEED);
  }
}

static int hogDisk(const char *path) {
  static char space[2 << 20];
  char *buffer = (char *)(((uintptr_t)space + 4095) & ~(uintptr_t)4095);
  int file = open(path, O_RDWR | O_DIRECT);
  if (file < 0) {
    perror(path);
    return 1;
  }
  for (;;) {
    for (off_t at = 0; pwrite(file, buffer, 1 << 20, at) == 1 << 20; at += 1 << 20) {
    }
    for (off_t at = 0; pread(file, buffer, 1 << 20, at) == 1 << 20; at += 1 << 20) {
    }
  }
}

static int flood(const char *address) {
  static char packet[1472];
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1) return 2;
  int socketFile = socket(AF_INET, SOCK_DGRAM, 0);
  for (;;) sendto(socketFile, packet, sizeof packet, 0, (struct sockaddr *)&to, sizeof to);
}

int main(int count, char **words) {
  if (count == 4 && strcmp(words[1], "write") == 0) {
    seed(words[2]);
    return writeNoise(strtoull(words[3], NULL, 0));
  }
  if (count == 4 && strcmp(words[1], "check") == 0) {
    seed(words[2]);
    return checkNoise(strtoull(words[3], NULL, 0));
  }
  if (count == 6 && strcmp(words[1], "send") == 0) {
    seed(words[4]);
    return openConnection(words[2], words[3], 1) || writeNoise(strtoull(words[5], NULL, 0));
  }
  if (count == 5 && strcmp(words[1], "receive") == 0) {
    seed(words[3]);
    return openConnection(NULL, words[2], 0) || checkNoise(strtoull(words[4], NULL, 0));
  }
  if (count == 2 && strcmp(words[1], "measure") == 0) measure();
  if (count == 2 && strcmp(words[1], "clock") == 0) return tellClock();
  if (count >= 3 && strcmp(words[1], "hog") == 0) {
    if (strcmp(words[2], "cpu") == 0) {
      for (;;) unit();
    }
    if (strcmp(words[2], "fork") == 0) forkForEver();
    if (strcmp(words[2], "memory") == 0) fillMemory();
    if (strcmp(words[2], "disk") == 0 && count == 4) return hogDisk(words[3]);
    if (strcmp(words[2], "net") == 0 && count == 4) return flood(words[3]);
  }
  fprintf(stderr, "usage: work write|check SEED BYTES | send ADDRESS PORT SEED BYTES | receive PORT SEED BYTES | measure | clock\n"
                  "       work hog cpu|fork|memory | hog disk FILE | hog net ADDRESS\n");
  return 2;
}
