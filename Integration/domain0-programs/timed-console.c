// SPDX-License-Identifier: Apache-2.0
//
// How long it takes from the start of a command to the first line in a log, without polling that would take time away from
// what is measured: the log's folder is watched.
//
// usage: timed-console LOG COMMAND WORDS... Prints "TIMED command=MILLISECONDS line=MILLISECONDS": to the command's end, and to
// the first newline in LOG, which must not exist before. Status 0 when both came within 120 s and the command's status was 0.

#define _GNU_SOURCE
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static int hasLine(const char *log) {
  char text[4096];
  int file = open(log, O_RDONLY);
  if (file < 0) return 0;
  ssize_t have = read(file, text, sizeof text);
  close(file);
  return have > 0 && memchr(text, '\n', have) != NULL;
}

int main(int count, char **words) {
  if (count < 3) return 2;
  char *copy = strdup(words[1]);
  int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify_add_watch(watch, dirname(copy), IN_CREATE | IN_MODIFY) < 0) {
    perror("timed-console: cannot watch the folder");
    return 1;
  }
  double start = now(), command = -1, line = -1;
  pid_t child = fork();
  if (child == 0) {
    execvp(words[2], words + 2);
    _exit(127);
  }
  int ended = (int)syscall(SYS_pidfd_open, child, 0), status = 1;
  while ((command < 0 || line < 0) && now() - start < 120e3) {
    struct pollfd waiting[2] = {{watch, POLLIN, 0}, {command < 0 ? ended : -1, POLLIN, 0}};
    poll(waiting, 2, 1000);
    double time = now();
    char events[8192];
    while (read(watch, events, sizeof events) > 0) {
    }
    if (line < 0 && hasLine(words[1])) line = time;
    if (command < 0 && waitpid(child, &status, WNOHANG) == child) command = time;
  }
  printf("TIMED command=%.1f line=%.1f\n", command < 0 ? -1 : command - start, line < 0 ? -1 : line - start);
  return command < 0 || line < 0 || status != 0;
}
