// SPDX-License-Identifier: Apache-2.0
//
// A load in the manner of hackbench: on every CPU, pairs of processes send each other messages over socket pairs for some
// seconds, and one more group roams over all CPUs. It keeps the scheduler, system calls, page faults (each process is a
// fork) and wake-ups busy, and checks every message's contents, so that a lost or mangled page or register shows.
//
// usage: load SECONDS. Prints one line per group and ends with status 0 when every group moved messages and none was wrong.

#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// `patience` is in seconds.
enum { words = 32, pairs = 4, longest = 256, patience = 60 };

struct group {
  uint64_t received[pairs];
  uint64_t wrong[pairs];
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

// A message is a counter and a sequence that follows from it.
static void fill(uint64_t *message, uint64_t counter) {
  message[0] = counter;
  for (int i = 1; i < words; i++) message[i] = message[i - 1] * 6364136223846793005u + 1442695040888963407u;
}

// Sends until the time is up and at least one message came through (a crowded CPU can take long to get round to all).
static void send_until(int socket, double end, volatile uint64_t *received) {
  uint64_t message[words];
  for (uint64_t counter = 0;; counter++) {
    if (counter % 64 == 0 && now() >= end && (*received > 0 || now() >= end + patience)) break;
    fill(message, counter);
    if (write(socket, message, sizeof message) != sizeof message) _exit(1);
  }
  _exit(0);
}

static void receive(int socket, uint64_t *received, uint64_t *wrong) {
  uint64_t message[words], expected[words];
  for (uint64_t counter = 0;; counter++) {
    ssize_t count = recv(socket, message, sizeof message, MSG_WAITALL);
    if (count == 0) _exit(0);
    fill(expected, counter);
    if (count != sizeof message || memcmp(message, expected, sizeof message) != 0) ++*wrong;
    ++*received;
  }
}

static pid_t start(void) {
  fflush(stdout);
  pid_t child = fork();
  if (child < 0) { perror("load: fork"); exit(1); }
  return child;
}

static void run_pair(struct group *group, int index, double end) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) { perror("load: socketpair"); exit(1); }
  if (start() == 0) {
    close(sockets[0]);
    send_until(sockets[1], end, &group->received[index]);
  }
  if (start() == 0) {
    close(sockets[1]);
    receive(sockets[0], &group->received[index], &group->wrong[index]);
  }
  close(sockets[0]);
  close(sockets[1]);
}

int main(int count, char **arguments) {
  double seconds = count > 1 ? atof(arguments[1]) : 5;
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  if (cpus > longest) cpus = longest;
  struct group *groups = mmap(0, sizeof *groups * (longest + 1), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (groups == MAP_FAILED) { perror("load: mmap"); return 1; }
  cpu_set_t all;
  sched_getaffinity(0, sizeof all, &all);
  double end = now() + seconds;
  for (long cpu = 0; cpu <= cpus; cpu++) {
    cpu_set_t set = all;
    if (cpu < cpus) { CPU_ZERO(&set); CPU_SET(cpu, &set); }
    if (sched_setaffinity(0, sizeof set, &set) != 0) { perror("load: sched_setaffinity"); return 1; }
    for (int pair = 0; pair < pairs; pair++) run_pair(&groups[cpu], pair, end);
  }
  sched_setaffinity(0, sizeof all, &all);

  int failed = 0, status;
  while (wait(&status) > 0) failed |= status != 0;
  for (long cpu = 0; cpu <= cpus; cpu++) {
    uint64_t received = 0, wrong = 0;
    for (int pair = 0; pair < pairs; pair++) {
      received += groups[cpu].received[pair];
      wrong += groups[cpu].wrong[pair];
      failed |= groups[cpu].received[pair] == 0;
    }
    failed |= wrong != 0;
    if (cpu < cpus) printf("load: CPU %ld: ", cpu); else printf("load: roaming: ");
    printf("%llu messages, %llu wrong\n", (unsigned long long)received, (unsigned long long)wrong);
  }
  return failed;
}
