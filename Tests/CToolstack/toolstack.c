// SPDX-License-Identifier: Apache-2.0
//
// libxenguest makes its hypercalls through libxencall. The functions of that name here take their place (the executable's own
// come first when the loader looks for a name) and answer the few requests that CPU policies need.

#include "toolstack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xencall.h>
#include <xenctrl.h>
#include <xenguest.h>

_Static_assert(sizeof(struct toolstack_leaf) == sizeof(xen_cpuid_leaf_t), "a leaf is six words");

// Tests run side by side.
static _Thread_local struct toolstack_hypervisor *hypervisor;

static int fail(int error) {
  errno = error;
  return -1;
}

// A list of `count` leaves for a reader with room for `*room`; without a place for it the greatest length.
static int give(void *place, uint32_t *room, const struct toolstack_leaf *leaves, uint32_t count) {
  if (place && *room < count) return fail(ENOBUFS);
  if (place) memcpy(place, leaves, count * sizeof *leaves);
  *room = place ? count : hypervisor->leaf_limit;
  return 0;
}

static int domain_request(xen_domctl_t *request) {
  switch (request->cmd) {
  case XEN_DOMCTL_getdomaininfo:
    memset(&request->u, 0, sizeof request->u);
    request->u.getdomaininfo.domain = request->domain;
    return 0;
  case XEN_DOMCTL_get_cpu_policy: {
    struct xen_domctl_cpu_policy *policy = &request->u.cpu_policy;
    policy->nr_msrs = 0;
    return give(policy->leaves.p, &policy->nr_leaves, hypervisor->leaves, hypervisor->leaf_count);
  }
  case XEN_DOMCTL_set_cpu_policy: {
    struct xen_domctl_cpu_policy *policy = &request->u.cpu_policy;
    uint32_t count = policy->nr_leaves;
    if (!policy->leaves.p) return 0;
    if (count > hypervisor->set_room) return fail(E2BIG);
    memcpy(hypervisor->set, policy->leaves.p, count * sizeof *hypervisor->set);
    hypervisor->set_count = count;
    return 0;
  }
  default:
    if (!hypervisor->unknown) hypervisor->unknown = request->cmd;
    return fail(ENOSYS);
  }
}

static int system_request(xen_sysctl_t *request) {
  switch (request->cmd) {
  case XEN_SYSCTL_get_cpu_policy: {
    struct xen_sysctl_cpu_policy *policy = &request->u.cpu_policy;
    policy->nr_msrs = policy->msrs.p ? 0 : 2;
    return give(policy->leaves.p, &policy->nr_leaves, hypervisor->ordinary, hypervisor->ordinary_count);
  }
  case XEN_SYSCTL_get_cpu_featureset: {
    struct xen_sysctl_cpu_featureset *set = &request->u.cpu_featureset;
    uint32_t count = hypervisor->feature_count;
    if (set->features.p) {
      count = set->nr_features < count ? set->nr_features : count;
      memcpy(set->features.p, hypervisor->features, count * sizeof(uint32_t));
    }
    set->nr_features = count;
    return 0;
  }
  default:
    if (!hypervisor->unknown) hypervisor->unknown = 0x10000 | request->cmd;
    return fail(ENOSYS);
  }
}

int xencall1(xencall_handle *handle, unsigned int operation, uint64_t argument) {
  (void)handle;
  if (operation == __HYPERVISOR_domctl) return domain_request((void *)argument);
  if (operation == __HYPERVISOR_sysctl) return system_request((void *)argument);
  if (!hypervisor->unknown) hypervisor->unknown = 0x20000 | operation;
  return fail(ENOSYS);
}

void *xencall_alloc_buffer(xencall_handle *handle, size_t size) {
  (void)handle;
  return calloc(1, size);
}

void xencall_free_buffer(xencall_handle *handle, void *buffer) {
  (void)handle;
  free(buffer);
}

void *xencall_alloc_buffer_pages(xencall_handle *handle, size_t count) {
  (void)handle;
  return calloc(count, 4096);
}

void xencall_free_buffer_pages(xencall_handle *handle, void *buffer, size_t count) {
  (void)handle;
  (void)count;
  free(buffer);
}

int toolstack_round_trip(const struct toolstack_leaf *leaves, uint32_t count, struct toolstack_leaf *back, uint32_t room) {
  xen_msr_entry_t msrs[16];
  uint32_t msr_count = 16;
  xc_interface *tools = xc_interface_open(0, 0, XC_OPENFLAG_DUMMY);
  xc_cpu_policy_t *policy = xc_cpu_policy_init();
  int result = tools && policy ? 0 : -ENOMEM;
  if (!result && xc_cpu_policy_update_cpuid(tools, policy, (const xen_cpuid_leaf_t *)leaves, count)) result = -errno;
  if (!result && xc_cpu_policy_serialise(tools, policy, (xen_cpuid_leaf_t *)back, &room, msrs, &msr_count)) result = -errno;
  if (policy) xc_cpu_policy_destroy(policy);
  if (tools) xc_interface_close(tools);
  return result ? result : (int)room;
}

int toolstack_apply_policy(struct toolstack_hypervisor *answers, int restores, int has_invariant_tsc) {
  xc_interface *tools = xc_interface_open(0, 0, XC_OPENFLAG_DUMMY);
  if (!tools) return -ENOMEM;
  hypervisor = answers;
  int result = xc_cpuid_apply_policy(tools, 1, restores, 0, 0, 1, has_invariant_tsc, 0, 0, 0);
  hypervisor = 0;
  xc_interface_close(tools);
  return result;
}
