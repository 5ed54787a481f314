# SPDX-License-Identifier: Apache-2.0
# Asks for a reboot; the host sees whether the machine starts again.
. /scenarios/common
require_hypervisor
echo "MARTLET-TEST reboot: rebooting"
/bin/reboot
# The host waits for what follows, and no longer than there is nothing new.
sleep 100000
