// SPDX-License-Identifier: Apache-2.0
//
// What the hypervisor says of memory and domains, to the page and to the nanosecond: `xl` rounds both. It asks as the tools
// do, by /dev/xen/privcmd: XEN_SYSCTL_physinfo and XEN_SYSCTL_getdomaininfolist (xen/sysctl.h, xen/domctl.h).
//
// usage: hypervisor-state. Prints "memory total=PAGES free=PAGES scrub=PAGES claimed=PAGES", then for each domain "domain ID
// pages=PAGES maximum=PAGES shared=PAGES cpu=NANOSECONDS flags=HEX". Frames that await scrubbing are free ones that are told apart.

#define __XEN_TOOLS__ 1
#define __XEN_INTERFACE_VERSION__ 0x00041100
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <xen/xen.h>
#include <xen/sysctl.h>

// Linux's interface to hypercalls: struct privcmd_hypercall and IOCTL_PRIVCMD_HYPERCALL.
struct call {
  uint64_t number;
  uint64_t arguments[5];
};
#define HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct call))

enum { longest = 512 };

int main(void) {
  int file = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
  if (file < 0) {
    perror("hypervisor-state: /dev/xen/privcmd");
    return 1;
  }
  // What the hypervisor reads and writes must stay where it is for the length of the call.
  size_t size = 1 << 20;
  char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
  if (area == MAP_FAILED) {
    perror("hypervisor-state: mmap");
    return 1;
  }
  struct xen_sysctl *control = (void *)area;
  xen_domctl_getdomaininfo_t *list = (void *)(area + 4096);
  struct call call = {__HYPERVISOR_sysctl, {(uintptr_t)control}};

  control->cmd = XEN_SYSCTL_physinfo;
  control->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
  if (ioctl(file, HYPERCALL, &call) < 0) {
    fprintf(stderr, "hypervisor-state: physinfo: %s\n", strerror(errno));
    return 1;
  }
  printf("memory total=%llu free=%llu scrub=%llu claimed=%llu\n",
         (unsigned long long)control->u.physinfo.total_pages, (unsigned long long)control->u.physinfo.free_pages,
         (unsigned long long)control->u.physinfo.scrub_pages, (unsigned long long)control->u.physinfo.outstanding_pages);

  memset(control, 0, sizeof *control);
  control->cmd = XEN_SYSCTL_getdomaininfolist;
  control->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
  control->u.getdomaininfolist.max_domains = longest;
  control->u.getdomaininfolist.buffer.p = list;
  if (ioctl(file, HYPERCALL, &call) < 0) {
    fprintf(stderr, "hypervisor-state: getdomaininfolist: %s\n", strerror(errno));
    return 1;
  }
  for (unsigned i = 0; i < control->u.getdomaininfolist.num_domains; i++) {
    printf("domain %u pages=%llu maximum=%llu shared=%llu cpu=%llu flags=%x\n", list[i].domain,
           (unsigned long long)list[i].tot_pages, (unsigned long long)list[i].max_pages,
           (unsigned long long)list[i].shr_pages, (unsigned long long)list[i].cpu_time, list[i].flags);
  }
  return 0;
}
