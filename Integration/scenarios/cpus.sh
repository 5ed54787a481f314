# SPDX-License-Identifier: Apache-2.0
# All vCPUs are up, run things, and can be taken down and brought up again.
. /scenarios/common
require_hypervisor
require_cpus
load 2 || fail "the load lost or mangled messages"
for control in /sys/devices/system/cpu/cpu[1-9]*/online; do
  [ -e "$control" ] || continue
  echo 0 >"$control" && [ "$(cat "$control")" = 0 ] || fail "cannot take down ${control%/online}"
  echo 1 >"$control" && [ "$(cat "$control")" = 1 ] || fail "cannot bring back ${control%/online}"
done
require_cpus
load 1 || fail "the load lost or mangled messages after CPUs went and came"
require_quiet_kernel_log
