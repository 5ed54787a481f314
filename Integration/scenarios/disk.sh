# SPDX-License-Identifier: Apache-2.0
# The virtio disk: reads it whole, compares with the sum the host took, and copies its first half over the second, which
# the host checks afterwards. Interrupts must arrive by MSI.
. /scenarios/common
require_hypervisor
[ -b /dev/vda ] || fail "there is no /dev/vda"
sum=$(sha256sum /dev/vda | cut -d ' ' -f 1)
[ "$sum" = "$(setting disk-sum)" ] || fail "the disk reads as $sum, not $(setting disk-sum)"
half=$(($(cat /sys/block/vda/size) / 2))
dd if=/dev/vda of=/dev/vda bs=512 count=$half seek=$half conv=fsync 2>/dev/null || fail "cannot write the disk"
require_msi virtio0-req
require_quiet_kernel_log
