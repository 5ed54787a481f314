// SPDX-License-Identifier: Apache-2.0
// domctl: a domain's memory and its rights to devices (domctl.h).
#ifndef MARTLET_CONTROL_MEMORY_H
#define MARTLET_CONTROL_MEMORY_H

struct martlet_getpageframeinfo {
  uint64_t num, array;
};
MARTLET_SAME_SIZE(martlet_getpageframeinfo, xen_domctl_getpageframeinfo3);
MARTLET_SAME(martlet_getpageframeinfo, xen_domctl_getpageframeinfo3, array);

struct martlet_vnuma {
  uint32_t nr_vnodes, nr_vmemranges, nr_vcpus, pad;
  uint64_t vdistance, vcpu_to_vnode, vnode_to_pnode, vmemrange;
};
MARTLET_SAME_SIZE(martlet_vnuma, xen_domctl_vnuma);
MARTLET_SAME(martlet_vnuma, xen_domctl_vnuma, pad);
MARTLET_SAME(martlet_vnuma, xen_domctl_vnuma, vdistance);
MARTLET_SAME(martlet_vnuma, xen_domctl_vnuma, vcpu_to_vnode);
MARTLET_SAME(martlet_vnuma, xen_domctl_vnuma, vnode_to_pnode);
MARTLET_SAME(martlet_vnuma, xen_domctl_vnuma, vmemrange);

struct martlet_shadow_op {
  uint32_t op, mode, mb, padding;
  uint64_t dirty_bitmap, pages;
  uint32_t fault_count, dirty_count;
};
MARTLET_SAME_SIZE(martlet_shadow_op, xen_domctl_shadow_op);
MARTLET_SAME(martlet_shadow_op, xen_domctl_shadow_op, mb);
MARTLET_SAME(martlet_shadow_op, xen_domctl_shadow_op, dirty_bitmap);
MARTLET_SAME(martlet_shadow_op, xen_domctl_shadow_op, pages);

enum { OFFSET_shadow_op_mb = offsetof(struct xen_domctl_shadow_op, mb) };

#endif
