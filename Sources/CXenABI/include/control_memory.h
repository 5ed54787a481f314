// SPDX-License-Identifier: Apache-2.0
// domctl: a domain's memory and its rights to devices (domctl.h).
#ifndef MARTLET_CONTROL_MEMORY_H
#define MARTLET_CONTROL_MEMORY_H

struct martlet_getpageframeinfo {
  uint64_t num, array;
};
MARTLET_SAME_SIZE(martlet_getpageframeinfo, xen_domctl_getpageframeinfo3);
MARTLET_SAME(martlet_getpageframeinfo, xen_domctl_getpageframeinfo3, array);

#endif
