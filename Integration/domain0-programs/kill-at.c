// SPDX-License-Identifier: Apache-2.0
//
// Ends a command by SIGKILL just before one of its requests to the hypervisor: so that each stage of a domain's creation can be
// its last, again and again in the same place.
//
// usage: kill-at trace COMMAND WORDS...    runs it and prints a line for each request: its number from 1 on, its kind, and the
//                                          microseconds it took, as seen from outside: with two stops for the tracer
//        kill-at NUMBER COMMAND WORDS...   kills it as it is about to make that request; status 0 then, 1 if it ended before
//
// A request is an ioctl of /dev/xen/privcmd (type 'P'). Its kind is "ioctl-N", and for a hypercall (N = 0) "call-H" with
// the hypercall's number, or "call-H-C" with the command too for memory_op and event_channel_op, which have it in a
// register. Those of domctl and sysctl are in the tools' hypercall buffers, which Linux shows to no other process.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { memoryOperation = 12, eventOperation = 32 };

static int copy(pid_t child, uint64_t from, void *to, size_t size) {
  struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};
  return process_vm_readv(child, &here, 1, &there, 1, 0) == (ssize_t)size;
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000ull + time.tv_nsec / 1000;
}

static void describe(pid_t child, uint64_t request, uint64_t argument, char *text, size_t size) {
  uint64_t call[6];
  unsigned number = request & 0xff;
  if (number != 0 || !copy(child, argument, call, sizeof call)) {
    snprintf(text, size, "ioctl-%u", number);
  } else if (call[0] == memoryOperation || call[0] == eventOperation) {
    snprintf(text, size, "call-%u-%u", (unsigned)call[0], (unsigned)call[1] & 0x3f);
  } else {
    snprintf(text, size, "call-%u", (unsigned)call[0]);
  }
}

int main(int count, char **words) {
  if (count < 3) return 2;
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  long last = strcmp(words[1], "trace") == 0 ? -1 : atol(words[1]), number = 0;
  pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    execvp(words[2], words + 2);
    _exit(127);
  }
  int status, entering = 1;
  waitpid(child, &status, 0);
  // The processes that the command starts go on by themselves; they do not build the domain.
  ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  int signalNumber = 0;
  char kind[64] = "";
  uint64_t begun = 0;
  while (ptrace(PTRACE_SYSCALL, child, NULL, signalNumber) == 0 && waitpid(child, &status, 0) == child) {
    if (WIFEXITED(status) || WIFSIGNALED(status)) break;
    signalNumber = 0;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
      signalNumber = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
      continue;
    }
    if (entering) {
      struct user_regs_struct registers;
      ptrace(PTRACE_GETREGS, child, NULL, &registers);
      if (registers.orig_rax == SYS_ioctl && ((registers.rsi >> 8) & 0xff) == 'P') {
        number++;
        describe(child, registers.rsi, registers.rdx, kind, sizeof kind);
        begun = now();
        if (number == last) {
          kill(child, SIGKILL);
          waitpid(child, &status, 0);
          printf("KILLED %ld %s\n", number, kind);
          return 0;
        }
      }
    }
    if (!entering && begun != 0) {
      if (last < 0) printf("REQUEST %ld %s %llu\n", number, kind, (unsigned long long)(now() - begun));
      begun = 0;
    }
    entering = !entering;
  }
  if (last < 0) return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  printf("ENDED before request %ld, after %ld\n", last, number);
  return 1;
}
