# SPDX-License-Identifier: Apache-2.0
# Listens on the console while the host's side types to the hypervisor and then to us.
. /scenarios/common
require_hypervisor
stty -F /dev/hvc0 -echo
echo "MARTLET-TEST keys: listening"
read -r line </dev/hvc0 || fail "nothing can be read from the console"
echo "MARTLET-TEST keys: heard $line"
[ "$line" = "back to Domain 0" ] || fail "Domain 0 was typed '$line'"
