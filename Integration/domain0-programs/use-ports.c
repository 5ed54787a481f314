// SPDX-License-Identifier: Apache-2.0
//
// Makes Domain 0 have had many event ports at once. The hypervisor's table of a domain's ports grows and does not shrink, so a
// flow that counts every page does this first.
//
// usage: use-ports NUMBER. Opens that many ports that other domains could bind to (IOCTL_EVTCHN_BIND_UNBOUND_PORT of Linux's
// /dev/xen/evtchn) and closes them again.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

struct unbound {
  unsigned int remote;
};
#define BIND_UNBOUND_PORT _IOC(_IOC_NONE, 'E', 2, sizeof(struct unbound))

int main(int count, char **words) {
  int file = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);
  if (count != 2 || file < 0) {
    fprintf(stderr, "use-ports: %s\n", count != 2 ? "how many?" : strerror(errno));
    return 1;
  }
  for (int number = atoi(words[1]); number > 0; number--) {
    struct unbound wanted = {0};
    if (ioctl(file, BIND_UNBOUND_PORT, &wanted) < 0) {
      perror("use-ports");
      return 1;
    }
  }
  // The ports go with the file.
  return 0;
}
