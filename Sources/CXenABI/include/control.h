// SPDX-License-Identifier: Apache-2.0
// domctl and sysctl: where the arguments of an operation stand. The arguments that hold a guest pointer or a union stand in the
// headers that this one includes, with those fields as plain words, each checked against the original.
#ifndef MARTLET_CONTROL_H
#define MARTLET_CONTROL_H

enum {
  OFFSET_domctl_domain = offsetof(struct xen_domctl, domain),
  OFFSET_domctl_body = offsetof(struct xen_domctl, u),
  OFFSET_sysctl_body = offsetof(struct xen_sysctl, u),
};

#include "control_domain.h"
#include "control_memory.h"
#include "control_scheduling.h"
#include "control_system.h"

#endif
