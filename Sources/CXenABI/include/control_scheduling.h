// SPDX-License-Identifier: Apache-2.0
// domctl and sysctl: the scheduler, affinity, CPU pools (domctl.h, sysctl.h).
#ifndef MARTLET_CONTROL_SCHEDULING_H
#define MARTLET_CONTROL_SCHEDULING_H

#endif
