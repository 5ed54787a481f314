# SPDX-License-Identifier: Apache-2.0
# Every vCPU under load for martlet.seconds; afterwards each must have worked, and time must have passed as it should.
. /scenarios/common
require_hypervisor
require_cpus
seconds=$(setting seconds)
start=$(cut -d . -f 1 /proc/uptime)
load "${seconds:-30}" || fail "the load lost or mangled messages"
passed=$(($(cut -d . -f 1 /proc/uptime) - start))
[ "$passed" -ge "${seconds:-30}" ] || fail "a load of ${seconds:-30} s took only $passed s by the kernel's clock"
require_quiet_kernel_log
