// SPDX-License-Identifier: Apache-2.0
// sysctl: the machine, its console, its processors (sysctl.h).
#ifndef MARTLET_CONTROL_SYSTEM_H
#define MARTLET_CONTROL_SYSTEM_H

struct martlet_readconsole {
  uint8_t clear, incremental, pad0, pad1;
  uint32_t index;
  uint64_t buffer;
  uint32_t count, padding;
};
MARTLET_SAME_SIZE(martlet_readconsole, xen_sysctl_readconsole);
MARTLET_SAME(martlet_readconsole, xen_sysctl_readconsole, index);
MARTLET_SAME(martlet_readconsole, xen_sysctl_readconsole, buffer);
MARTLET_SAME(martlet_readconsole, xen_sysctl_readconsole, count);

struct martlet_debug_keys {
  uint64_t keys;
  uint32_t nr_keys, padding;
};
MARTLET_SAME_SIZE(martlet_debug_keys, xen_sysctl_debug_keys);
MARTLET_SAME(martlet_debug_keys, xen_sysctl_debug_keys, nr_keys);

struct martlet_cputopoinfo {
  uint32_t num_cpus, padding;
  uint64_t cputopo;
};
MARTLET_SAME_SIZE(martlet_cputopoinfo, xen_sysctl_cputopoinfo);
MARTLET_SAME(martlet_cputopoinfo, xen_sysctl_cputopoinfo, cputopo);

struct martlet_numainfo {
  uint32_t num_nodes, padding;
  uint64_t meminfo, distance;
};
MARTLET_SAME_SIZE(martlet_numainfo, xen_sysctl_numainfo);
MARTLET_SAME(martlet_numainfo, xen_sysctl_numainfo, meminfo);
MARTLET_SAME(martlet_numainfo, xen_sysctl_numainfo, distance);

struct martlet_pcitopoinfo {
  uint32_t num_devs, padding;
  uint64_t devs, nodes;
};
MARTLET_SAME_SIZE(martlet_pcitopoinfo, xen_sysctl_pcitopoinfo);
MARTLET_SAME(martlet_pcitopoinfo, xen_sysctl_pcitopoinfo, devs);
MARTLET_SAME(martlet_pcitopoinfo, xen_sysctl_pcitopoinfo, nodes);

struct martlet_page_offline_op {
  uint32_t cmd, start, end, padding;
  uint64_t status;
};
MARTLET_SAME_SIZE(martlet_page_offline_op, xen_sysctl_page_offline_op);
MARTLET_SAME(martlet_page_offline_op, xen_sysctl_page_offline_op, status);

// The head of the arguments of both: what is asked, of which CPU.
struct martlet_power_request {
  uint32_t type, cpuid;
};
MARTLET_SAME(martlet_power_request, xen_sysctl_get_pmstat, cpuid);
MARTLET_SAME(martlet_power_request, xen_sysctl_pm_op, cpuid);
enum {
  OFFSET_pm_op_value = offsetof(struct xen_sysctl_pm_op, u),
};

struct martlet_livepatch_header {
  uint32_t cmd, pad;
};
struct martlet_livepatch_list {
  uint32_t version, idx, nr, pad, name_total_size, metadata_total_size;
  uint64_t status, name, len, metadata, metadata_len;
};
MARTLET_SAME_SIZE(martlet_livepatch_list, xen_sysctl_livepatch_list);
MARTLET_SAME(martlet_livepatch_list, xen_sysctl_livepatch_list, pad);
MARTLET_SAME(martlet_livepatch_list, xen_sysctl_livepatch_list, metadata_total_size);
MARTLET_SAME(martlet_livepatch_list, xen_sysctl_livepatch_list, metadata_len);
enum {
  OFFSET_livepatch_body = offsetof(struct xen_sysctl_livepatch_op, u),
};

struct martlet_cpu_featureset {
  uint32_t index, nr_features;
  uint64_t features;
};
MARTLET_SAME_SIZE(martlet_cpu_featureset, xen_sysctl_cpu_featureset);
MARTLET_SAME(martlet_cpu_featureset, xen_sysctl_cpu_featureset, features);

struct martlet_system_cpu_policy {
  uint32_t index, nr_leaves, nr_msrs, _rsvd;
  uint64_t leaves, msrs;
};
MARTLET_SAME_SIZE(martlet_system_cpu_policy, xen_sysctl_cpu_policy);
MARTLET_SAME(martlet_system_cpu_policy, xen_sysctl_cpu_policy, leaves);
MARTLET_SAME(martlet_system_cpu_policy, xen_sysctl_cpu_policy, msrs);

struct martlet_domain_cpu_policy {
  uint32_t nr_leaves, nr_msrs;
  uint64_t leaves, msrs;
  uint32_t err_leaf, err_subleaf, err_msr, padding;
};
MARTLET_SAME_SIZE(martlet_domain_cpu_policy, xen_domctl_cpu_policy);
MARTLET_SAME(martlet_domain_cpu_policy, xen_domctl_cpu_policy, leaves);
MARTLET_SAME(martlet_domain_cpu_policy, xen_domctl_cpu_policy, err_msr);

struct martlet_ext_vcpucontext {
  uint32_t vcpu, size;
  uint64_t syscall32_callback_eip, sysenter_callback_eip;
  uint16_t syscall32_callback_cs, sysenter_callback_cs;
  uint8_t syscall32_disables_events, sysenter_disables_events;
  uint16_t padding;
  uint64_t mcg_cap, vmce[3];
};
MARTLET_SAME_SIZE(martlet_ext_vcpucontext, xen_domctl_ext_vcpucontext);
MARTLET_SAME(martlet_ext_vcpucontext, xen_domctl_ext_vcpucontext, syscall32_disables_events);
MARTLET_SAME(martlet_ext_vcpucontext, xen_domctl_ext_vcpucontext, mcg_cap);
enum {
  OFFSET_ext_vcpucontext_mcg_cap = offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap),
};

struct martlet_vcpuextstate {
  uint32_t vcpu, padding;
  uint64_t xfeature_mask, size, buffer;
};
MARTLET_SAME_SIZE(martlet_vcpuextstate, xen_domctl_vcpuextstate);
MARTLET_SAME(martlet_vcpuextstate, xen_domctl_vcpuextstate, xfeature_mask);
MARTLET_SAME(martlet_vcpuextstate, xen_domctl_vcpuextstate, buffer);

struct martlet_vcpu_msrs {
  uint32_t vcpu, msr_count;
  uint64_t msrs;
};
MARTLET_SAME_SIZE(martlet_vcpu_msrs, xen_domctl_vcpu_msrs);
MARTLET_SAME(martlet_vcpu_msrs, xen_domctl_vcpu_msrs, msrs);

#endif
