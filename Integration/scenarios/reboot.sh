# SPDX-License-Identifier: Apache-2.0
# Asks for a reboot; the host sees whether the machine starts again.
. /scenarios/common
require_hypervisor
echo "MARTLET-TEST reboot: rebooting"
/bin/reboot
sleep 60
fail "the machine is still there a minute after reboot"
