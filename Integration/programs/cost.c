// SPDX-License-Identifier: Apache-2.0
//
// What basic operations cost. Under QEMU's -icount shift=0 the clock advances one nanosecond per instruction, so the
// numbers printed are instructions, hypervisor included, and repeat exactly; elsewhere they are nanoseconds.
//
// Prints "COST name nanoseconds-per-operation", best of several rounds (the others met a timer tick).

#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
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

// A program starts itself anew: what a shell does for each command.
static uint64_t fork_and_exec(void) {
  enum { times = 20 };
  uint64_t start = now();
  for (int i = 0; i < times; i++) {
    pid_t child = fork();
    if (child < 0) stop("cost: fork");
    if (child == 0) {
      execl("/proc/self/exe", "cost", "nothing", (char *)0);
      _exit(1);
    }
    int status = 1;
    if (waitpid(child, &status, 0) != child || status != 0) stop("cost: exec");
  }
  return (now() - start) / times;
}

// The first touch of anonymous memory, and its end.
static uint64_t anonymous_memory(void) {
  uint64_t start = now();
  volatile char *map = mmap(0, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) stop("cost: mmap");
  for (int i = 0; i < pages; i++) map[i * page] = 1;
  munmap((void *)map, pages * page);
  return (now() - start) / pages;
}

// One page goes from writable to read-only and back, touched in between.
static uint64_t change_protection(void) {
  enum { times = 200 };
  volatile char *map = mmap(0, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) stop("cost: mmap");
  map[0] = 1;
  uint64_t start = now();
  for (int i = 0; i < times; i++) {
    if (mprotect((void *)map, page, PROT_READ) != 0) stop("cost: mprotect");
    (void)map[0];
    if (mprotect((void *)map, page, PROT_READ | PROT_WRITE) != 0) stop("cost: mprotect");
    map[0] = 1;
  }
  uint64_t cost = (now() - start) / (2 * times);
  munmap((void *)map, page);
  return cost;
}

static void ignore(int number) { (void)number; }

static uint64_t signal_to_itself(void) {
  enum { times = 500 };
  struct sigaction action = {.sa_handler = ignore};
  sigaction(SIGUSR1, &action, 0);
  uint64_t start = now();
  for (int i = 0; i < times; i++) raise(SIGUSR1);
  return (now() - start) / times;
}

static sigjmp_buf resume;
static void leap(int number) { siglongjmp(resume, number); }

// A write to a read-only page, and the signal for it.
static uint64_t protection_fault(void) {
  enum { times = 500 };
  struct sigaction action = {.sa_handler = leap};
  sigaction(SIGSEGV, &action, 0);
  volatile char *map = mmap(0, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) stop("cost: mmap");
  volatile int left = times;
  uint64_t start = now();
  sigsetjmp(resume, 1);
  if (left-- > 0) map[0] = 1;
  uint64_t cost = (now() - start) / times;
  munmap((void *)map, page);
  signal(SIGSEGV, SIG_DFL);
  return cost;
}

// Sleeping until a timer: the CPU goes idle and comes back. What it takes beyond the time asked for.
static uint64_t sleep_and_wake(void) {
  enum { times = 50, nanoseconds = 200000 };
  struct timespec time = {.tv_nsec = nanoseconds};
  uint64_t start = now();
  for (int i = 0; i < times; i++) clock_nanosleep(CLOCK_MONOTONIC, 0, &time, 0);
  return (now() - start) / times - nanoseconds;
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

int main(int count, char **words) {
  // The program that fork_and_exec starts.
  if (count > 1 && words[1][0] == 'n') return 0;
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  sched_setaffinity(0, sizeof first, &first);
  report("null-system-call", null_system_call);
  report("page-fault", page_fault);
  report("page-fault-around", page_fault_around);
  report("fork-exit", fork_and_exit);
  report("context-switch", context_switch);
  report("fork-exec", fork_and_exec);
  report("anonymous-memory", anonymous_memory);
  report("change-protection", change_protection);
  report("signal", signal_to_itself);
  report("protection-fault", protection_fault);
  report("sleep", sleep_and_wake);
  return 0;
}
