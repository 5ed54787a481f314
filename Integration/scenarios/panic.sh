# SPDX-License-Identifier: Apache-2.0
# Crashes Domain 0's kernel; the hypervisor must notice, say so, and follow its rule for a dead Domain 0.
. /scenarios/common
require_hypervisor
echo "MARTLET-TEST panic: crashing"
echo c >/proc/sysrq-trigger
