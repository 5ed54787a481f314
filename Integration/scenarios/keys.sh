# SPDX-License-Identifier: Apache-2.0
# Listens on the console while the host's side types to the hypervisor and then to us.
. /scenarios/common
require_hypervisor
stty -F /dev/hvc0 -echo
echo "MARTLET-TEST keys: listening"
read -r -t 60 line </dev/hvc0 || fail "nothing was typed to Domain 0 within a minute"
echo "MARTLET-TEST keys: heard $line"
[ "$line" = "back to Domain 0" ] || fail "Domain 0 was typed '$line'"
