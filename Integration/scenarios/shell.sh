# SPDX-License-Identifier: Apache-2.0
# The least: init ran, the hypervisor's interfaces are there, and the kernel has nothing to complain about.
. /scenarios/common
require_hypervisor
require_quiet_kernel_log
