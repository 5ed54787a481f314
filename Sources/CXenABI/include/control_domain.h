// SPDX-License-Identifier: Apache-2.0
// domctl: a domain's life and its vCPUs (domctl.h).
#ifndef MARTLET_CONTROL_DOMAIN_H
#define MARTLET_CONTROL_DOMAIN_H

struct martlet_gdbsx_memio {
  uint64_t pgd3val, gva, uva;
  uint32_t len;
  uint8_t gwr, padding[3];
  uint32_t remain, padding1;
};
MARTLET_SAME_SIZE(martlet_gdbsx_memio, xen_domctl_gdbsx_memio);
MARTLET_SAME(martlet_gdbsx_memio, xen_domctl_gdbsx_memio, uva);
MARTLET_SAME(martlet_gdbsx_memio, xen_domctl_gdbsx_memio, len);
MARTLET_SAME(martlet_gdbsx_memio, xen_domctl_gdbsx_memio, gwr);
MARTLET_SAME(martlet_gdbsx_memio, xen_domctl_gdbsx_memio, remain);
struct martlet_gdbsx_domstatus {
  uint8_t paused, padding[3];
  uint32_t vcpu_id, vcpu_ev;
};
MARTLET_SAME_SIZE(martlet_gdbsx_domstatus, xen_domctl_gdbsx_domstatus);
MARTLET_SAME(martlet_gdbsx_domstatus, xen_domctl_gdbsx_domstatus, vcpu_id);
MARTLET_SAME(martlet_gdbsx_domstatus, xen_domctl_gdbsx_domstatus, vcpu_ev);
struct martlet_vcpucontext {
  uint32_t vcpu, padding;
  uint64_t ctxt;
};
MARTLET_SAME_SIZE(martlet_vcpucontext, xen_domctl_vcpucontext);
MARTLET_SAME(martlet_vcpucontext, xen_domctl_vcpucontext, ctxt);

enum {
  OFFSET_createdomain_handle = offsetof(struct xen_domctl_createdomain, handle),
};

struct martlet_getdomaininfolist {
  uint16_t first_domain, padding0;
  uint32_t max_domains;
  uint64_t buffer;
  uint32_t num_domains, padding1;
};
MARTLET_SAME_SIZE(martlet_getdomaininfolist, xen_sysctl_getdomaininfolist);
MARTLET_SAME(martlet_getdomaininfolist, xen_sysctl_getdomaininfolist, max_domains);
MARTLET_SAME(martlet_getdomaininfolist, xen_sysctl_getdomaininfolist, buffer);
MARTLET_SAME(martlet_getdomaininfolist, xen_sysctl_getdomaininfolist, num_domains);

// struct xen_domctl_getdomaininfo with the handle as two words.
enum {
  OFFSET_getdomaininfo_handle = offsetof(struct xen_domctl_getdomaininfo, handle),
  SIZE_getdomaininfo = sizeof(struct xen_domctl_getdomaininfo),
};

#endif
