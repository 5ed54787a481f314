# SPDX-License-Identifier: Apache-2.0
# Two Linux guests with disks and network, both under a checked load: a file by way of a loop device, and volumes of the device
# mapper as LVM makes them. One of them boots from a volume. Domain 0 starts with all memory, of which xl takes what guests
# need. martlet.size=MIB says how much data goes each way.
. /scenarios/flow-common
require_hypervisor
size=$(setting size 16)
bytes=$((size << 20))

step volumes
# There is no udev to make the devices' nodes.
export DM_DISABLE_UDEV=1
modprobe -a dm_mod ext4
# /dev/vda in three parts: a file system for the image file, a volume made of two pieces in the wrong order, one to boot from.
[ -b /dev/vda ] || bad "there is no disk for the volumes"
sectors=$(cat /sys/block/vda/size)
root=$((16 << 11)) half=$(((sectors - (16 << 11)) / 2))
piece=$((half / 2))
dmsetup create root --table "0 $root linear /dev/vda 0" || bad "dmsetup root"
dmsetup create store --table "0 $half linear /dev/vda $root" || bad "dmsetup store"
printf '0 %d linear /dev/vda %d\n%d %d linear /dev/vda %d\n' $piece $((root + half + piece)) $piece $piece $((root + half)) |
  dmsetup create volume || bad "dmsetup volume"
mke2fs /dev/mapper/store >/dev/null && mkdir -p /images && mount -t ext2 /dev/mapper/store /images || bad "no file system for the image"
truncate -s "${size}M" /images/file.img
# A system of its own on the root volume: busybox, and an init that says so.
mke2fs /dev/mapper/root >/dev/null && mkdir -p /system && mount -t ext2 /dev/mapper/root /system || bad "no file system to boot from"
mkdir -p /system/bin /system/sbin /system/dev /system/proc /system/sys
cp /usr/bin/busybox /system/bin/busybox
ln -s busybox /system/bin/sh
cat >/system/sbin/init <<'END'
#!/bin/sh
echo "this system is on $(/bin/busybox awk '$2 == "/" { print $1 }' /proc/mounts | /bin/busybox tail -n 1)"
/bin/busybox touch /written && /bin/busybox sync
exec /bin/busybox poweroff -f
END
chmod +x /system/sbin/init
umount /system

step create-with-autoballoon
before=$(domain Domain-0 pages)
linux_guest alpha 51 'memory = 128' 'vcpus = 2' \
  'disk = [ "/images/file.img,raw,xvda,rw", "phy:/dev/mapper/volume,xvdb,w" ]'
linux_guest beta 52
create alpha
create beta
[ "$(domain Domain-0 pages)" -lt "$before" ] || bad "Domain 0 still has $before pages"
answers alpha
answers beta

# disk NAME SEED: written, read back past the cache, by the guest.
disk() {
  on alpha "work write $2 $bytes | dd of=/dev/$1 bs=64k conv=fsync 2>/dev/null" || bad "writing $1"
  on alpha 'echo 3 >/proc/sys/vm/drop_caches'
  on alpha "dd if=/dev/$1 bs=64k 2>/dev/null | work check $2 $bytes" || bad "reading $1"
}

step disk-file
disk xvda 1
sync
work check 1 $bytes </images/file.img || bad "the image file has other data than were written"

step disk-volume
disk xvdb 2
echo 3 >/proc/sys/vm/drop_caches
# What the guest saw in one piece is in two pieces, the second first.
{
  dd if=/dev/vda bs=64k iflag=skip_bytes,count_bytes skip=$(((root + half + piece) << 9)) count=$((piece << 9)) 2>/dev/null
  dd if=/dev/vda bs=64k iflag=skip_bytes,count_bytes skip=$(((root + half) << 9)) count=$((piece << 9)) 2>/dev/null
} | work check 2 $bytes || bad "the volume has other data than were written"

# What goes on at the same time is less, and so is all of the network's but one way.
whole=$bytes part=$((bytes / 4))
step disks-together
bytes=$part
disk xvda 3 &
writer=$!
on alpha "work write 4 $bytes | dd of=/dev/xvdb bs=64k conv=fsync 2>/dev/null" || bad "writing xvdb beside xvda"
wait "$writer"
on alpha "dd if=/dev/xvda bs=64k 2>/dev/null | work check 3 $bytes" || bad "xvda after the load on xvdb"
on alpha "dd if=/dev/xvdb bs=64k 2>/dev/null | work check 4 $bytes" || bad "xvdb after the load on xvda"

# stream FROM TO PORT SEED: sends from one guest to the other ("domain0" is here) and has the data checked where they come in.
stream() {
  local result=/tmp/result-$3
  at() { local name=$1; shift; if [ "$name" = domain0 ]; then sh -c "$*"; else on "$name" "$*"; fi; }
  at "$2" "work receive $3 $4 $bytes" >"$result" 2>&1 &
  local receiver=$! address=192.168.77.1
  [ "$2" = domain0 ] || address=$(awk -v name="$2" '$2 == name { print $1 }' /etc/hosts)
  at "$1" "work send $address $3 $4 $bytes" || bad "$1 cannot send to $2"
  wait "$receiver" || bad "$1 to $2: $(cat "$result")"
}

step network-guest-to-guest
bytes=$whole
stream alpha beta 5001 5
bytes=$part
stream beta alpha 5002 6

step network-guest-to-domain0
stream alpha domain0 5003 7

step network-domain0-to-guest
stream domain0 alpha 5004 8

step network-disk-together
disk xvda 9 &
writer=$!
stream beta alpha 5005 10
wait "$writer"
on alpha "dd if=/dev/xvda bs=64k 2>/dev/null | work check 9 $bytes" || bad "xvda after the load on the network"

step destroy-under-load
on_limit=15 on alpha "work write 1 $bytes | dd of=/dev/xvdb bs=64k 2>/dev/null" >/dev/null 2>&1 &
on_limit=15 on beta "work hog net 192.168.77.1" >/dev/null 2>&1 &
sleep 1
xl destroy alpha || bad "xl destroy alpha"
xl destroy beta || bad "xl destroy beta"
wait
until_true 20 eval '[ -z "$(losetup -a)" ]' || bad "a loop device is left: $(losetup -a)"
until_true 20 eval '! ls /sys/class/net | grep -q "^vif"' || bad "an interface is left: $(ls /sys/class/net)"

step boot-from-volume
linux_guest gamma 53 'disk = [ "phy:/dev/mapper/root,xvda,w" ]' 'vif = []' 'extra = "console=hvc0 root=/dev/xvda rw"'
create gamma
until_true 90 is_gone gamma || bad "gamma is $(state gamma)"
grep -q 'this system is on /dev/xvda' "$(log_of gamma)" || bad "its console: $(tail -n 3 "$(log_of gamma)")"
# What Domain 0 remembers of the volume is from before.
echo 3 >/proc/sys/vm/drop_caches
mount -t ext2 /dev/mapper/root /system && [ -e /system/written ] || bad "the volume has not what gamma wrote"
umount /system

step domain0-gets-its-memory-back
xl mem-set Domain-0 $((before / 256 - 8)) || bad "xl mem-set Domain-0"
until_true 30 eval "[ \$(domain Domain-0 pages) -ge $((before - 3000)) ]" || bad "Domain 0 has $(domain Domain-0 pages) of $before pages"

step kernel-log
require_quiet_kernel_log
end_flow
