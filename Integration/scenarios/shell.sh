# SPDX-License-Identifier: Apache-2.0
# The least: init ran, the hypervisor's interfaces are there, memory is as much as can be expected, and the kernel has
# nothing to complain about.
. /scenarios/common
require_hypervisor
require_cpus
require_memory
require_quiet_kernel_log
# QEMU's firmware leaves a VGA screen in text mode.
dmesg | grep -q 'Console: colour VGA+ 80x25' || fail "the kernel has no screen: $(dmesg | grep Console:)"
