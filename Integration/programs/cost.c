// SPDX-License-Identifier: Apache-2.0
//
// What basic operations cost. Under QEMU's -icount shift=0 the clock advances one nanosecond per instruction, so the
// numbers printed are instructions, hypervisor included, and repeat exactly; elsewhere they are nanoseconds.
//
// Prints "COST name nanoseconds-per-operation", best of several rounds (the others met a timer tick).

#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void stop(const char *what) { perror(what); exit(1); }

static uint64_t null_system_call(void) {
  enum { calls = 2000 };
  uint64_t start = now();
  for (int i = 0; i < calls; i++) syscall(SYS_getppid);
  return (now() - start) / calls;
}

enum { page = 4096, pages = 1024 };

// Touches pages of a file mapping, all of them in the page cache already, so that each touch is a minor fault.
static uint64_t touch_mapping(int protection, int step) {
  static int file = -1;
  if (file < 0) {
    static char zeros[page];
    file = open("/tmp/cost", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int i = 0; i < pages; i++) if (write(file, zeros, page) != page) stop("cost: write");
  }
  volatile char *map = mmap(0, pages * page, protection, MAP_SHARED, file, 0);
  if (map == MAP_FAILED) stop("cost: mmap");
  uint64_t start = now();
  for (int i = 0; i < pages; i += step) {
    if (protection & PROT_WRITE) map[i * page] = 1; else (void)map[i * page];
  }
  uint64_t cost = (now() - start) / (pages / step);
  munmap((void *)map, pages * page);
  return cost;
}

// A write fault maps one page.
static uint64_t page_fault(void) { return touch_mapping(PROT_READ | PROT_WRITE, 1); }

// A read fault maps the 16 pages around it; every 16th is touched.
static uint64_t page_fault_around(void) { return touch_mapping(PROT_READ, 16); }

static uint64_t fork_and_exit(void) {
  enum { times = 20 };
  uint64_t start = now();
  for (int i = 0; i < times; i++) {
    pid_t child = fork();
    if (child < 0) stop("cost: fork");
    if (child == 0) _exit(0);
    waitpid(child, 0, 0);
  }
  return (now() - start) / times;
}

// A byte goes round two processes on one CPU; a round is two switches.
static uint64_t context_switch(void) {
  enum { rounds = 500 };
  int there[2], back[2];
  char byte = 0;
  if (pipe(there) != 0 || pipe(back) != 0) stop("cost: pipe");
  pid_t child = fork();
  if (child < 0) stop("cost: fork");
  if (child == 0) {
    close(there[1]);
    while (read(there[0], &byte, 1) == 1) if (write(back[1], &byte, 1) != 1) break;
    _exit(0);
  }
  for (int i = 0; i < 10; i++) if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) stop("cost: pipe");
  uint64_t start = now();
  for (int i = 0; i < rounds; i++) if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) stop("cost: pipe");
  uint64_t cost = (now() - start) / (2 * rounds);
  close(there[1]);
  close(there[0]);
  close(back[0]);
  close(back[1]);
  waitpid(child, 0, 0);
  return cost;
}

static void report(const char *name, uint64_t (*measure)(void)) {
  uint64_t best = measure();
  for (int i = 0; i < 9; i++) {
    uint64_t cost = measure();
    if (cost < best) best = cost;
  }
  printf("COST %s %llu\n", name, (unsigned long long)best);
  fflush(stdout);
}

int main(void) {
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  sched_setaffinity(0, sizeof first, &first);
  report("null-system-call", null_system_call);
  report("page-fault", page_fault);
  report("page-fault-around", page_fault_around);
  report("fork-exit", fork_and_exit);
  report("context-switch", context_switch);
  return 0;
}
