// SPDX-License-Identifier: Apache-2.0
// domctl and sysctl: the scheduler, affinity, CPU pools (domctl.h, sysctl.h).
#ifndef MARTLET_CONTROL_SCHEDULING_H
#define MARTLET_CONTROL_SCHEDULING_H

// A set of numbers in guest memory, bit n % 8 of byte n / 8 (xen.h).
struct martlet_bitmap {
  uint64_t bitmap;
  uint32_t nr_bits, padding;
};
MARTLET_SAME_SIZE(martlet_bitmap, xenctl_bitmap);
MARTLET_SAME(martlet_bitmap, xenctl_bitmap, nr_bits);

struct martlet_vcpuaffinity {
  uint32_t vcpu, flags;
  struct martlet_bitmap cpumap_hard, cpumap_soft;
};
MARTLET_SAME_SIZE(martlet_vcpuaffinity, xen_domctl_vcpuaffinity);
MARTLET_SAME(martlet_vcpuaffinity, xen_domctl_vcpuaffinity, flags);
MARTLET_SAME(martlet_vcpuaffinity, xen_domctl_vcpuaffinity, cpumap_hard);
MARTLET_SAME(martlet_vcpuaffinity, xen_domctl_vcpuaffinity, cpumap_soft);
_Static_assert(sizeof(struct xen_domctl_nodeaffinity) == sizeof(struct martlet_bitmap), "a bitmap and nothing else");

// With the union as it is for credit2.
struct martlet_domain_scheduler_op {
  uint32_t sched_id, cmd;
  uint16_t weight, cap;
  uint32_t rest;
};
MARTLET_SAME(martlet_domain_scheduler_op, xen_domctl_scheduler_op, cmd);
MARTLET_SAME_AS(martlet_domain_scheduler_op, xen_domctl_scheduler_op, weight, u.credit2.weight);
MARTLET_SAME_AS(martlet_domain_scheduler_op, xen_domctl_scheduler_op, cap, u.credit2.cap);

struct martlet_system_scheduler_op {
  uint32_t cpupool_id, sched_id, cmd, padding;
  uint32_t ratelimit_us, rest;
};
MARTLET_SAME(martlet_system_scheduler_op, xen_sysctl_scheduler_op, sched_id);
MARTLET_SAME(martlet_system_scheduler_op, xen_sysctl_scheduler_op, cmd);
MARTLET_SAME_AS(martlet_system_scheduler_op, xen_sysctl_scheduler_op, ratelimit_us, u.sched_credit2.ratelimit_us);

struct martlet_cpupool_op {
  uint32_t op, cpupool_id, sched_id, domid, cpu, n_dom;
  struct martlet_bitmap cpumap;
};
MARTLET_SAME_SIZE(martlet_cpupool_op, xen_sysctl_cpupool_op);
MARTLET_SAME(martlet_cpupool_op, xen_sysctl_cpupool_op, cpupool_id);
MARTLET_SAME(martlet_cpupool_op, xen_sysctl_cpupool_op, sched_id);
MARTLET_SAME(martlet_cpupool_op, xen_sysctl_cpupool_op, domid);
MARTLET_SAME(martlet_cpupool_op, xen_sysctl_cpupool_op, cpu);
MARTLET_SAME(martlet_cpupool_op, xen_sysctl_cpupool_op, n_dom);
MARTLET_SAME(martlet_cpupool_op, xen_sysctl_cpupool_op, cpumap);

struct martlet_getcpuinfo {
  uint32_t max_cpus, padding0;
  uint64_t info;
  uint32_t nr_cpus, padding1;
};
MARTLET_SAME_SIZE(martlet_getcpuinfo, xen_sysctl_getcpuinfo);
MARTLET_SAME(martlet_getcpuinfo, xen_sysctl_getcpuinfo, info);
MARTLET_SAME(martlet_getcpuinfo, xen_sysctl_getcpuinfo, nr_cpus);

#endif
