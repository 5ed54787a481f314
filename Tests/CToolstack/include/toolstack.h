// SPDX-License-Identifier: Apache-2.0
//
// Debian's own libxenguest on this host, with the hypervisor's answers given by a test: what `xl create` does with a domain's CPU
// policy, without a machine.

#ifndef TOOLSTACK_H
#define TOOLSTACK_H

#include <stdint.h>

/// One entry of a policy's list (`xen_cpuid_leaf_t` in arch-x86/xen.h).
struct toolstack_leaf {
  uint32_t leaf, subleaf, eax, ebx, ecx, edx;
};

/// What the hypervisor answers, and what it was told.
struct toolstack_hypervisor {
  /// XEN_DOMCTL_get_cpu_policy: the domain's leaves.
  const struct toolstack_leaf *leaves;
  uint32_t leaf_count;
  /// XEN_SYSCTL_get_cpu_policy: what a domain gets unless the tools wish otherwise.
  const struct toolstack_leaf *ordinary;
  uint32_t ordinary_count;
  /// XEN_SYSCTL_get_cpu_policy without a list: the most leaves.
  uint32_t leaf_limit;
  /// XEN_SYSCTL_get_cpu_featureset: the words, whichever set is asked for.
  const uint32_t *features;
  uint32_t feature_count;
  /// XEN_DOMCTL_set_cpu_policy: where the leaves go, how many there is room for, how many came.
  struct toolstack_leaf *set;
  uint32_t set_room;
  uint32_t set_count;
  /// The first request that this stand-in does not know; zero for none.
  uint32_t unknown;
};

/// Has libxenguest take leaves into a policy and give it as a list again (xc_cpu_policy_update_cpuid, _serialise). Gives how many
/// leaves come back, or minus an error number.
int toolstack_round_trip(const struct toolstack_leaf *leaves, uint32_t count, struct toolstack_leaf *back, uint32_t room);

/// What xl does with the policy of a new paravirtualized domain (xc_cpuid_apply_policy). Gives zero, or minus an error number.
int toolstack_apply_policy(struct toolstack_hypervisor *hypervisor, int restores, int has_invariant_tsc);

#endif
