# SPDX-License-Identifier: Apache-2.0
# The virtio network card: an address by DHCP, and an answer from QEMU's gateway.
. /scenarios/common
require_hypervisor
[ -d /sys/class/net/eth0 ] || fail "there is no eth0"
udhcpc -i eth0 -n -q -t 10 || fail "no DHCP lease"
ping -c 5 -W 5 10.0.2.2 || fail "the gateway 10.0.2.2 does not answer"
require_msi virtio
require_quiet_kernel_log
