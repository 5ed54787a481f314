// SPDX-License-Identifier: Apache-2.0
// domctl: a domain's life and its vCPUs (domctl.h).
#ifndef MARTLET_CONTROL_DOMAIN_H
#define MARTLET_CONTROL_DOMAIN_H

struct martlet_vcpucontext {
  uint32_t vcpu, padding;
  uint64_t ctxt;
};
MARTLET_SAME_SIZE(martlet_vcpucontext, xen_domctl_vcpucontext);
MARTLET_SAME(martlet_vcpucontext, xen_domctl_vcpucontext, ctxt);

#endif
