# SPDX-License-Identifier: Apache-2.0
# Two Linux guests are created by xl, answer on the network, are listed, are destroyed, and leave no frame behind.
. /scenarios/common
require_hypervisor
free() { xl info | sed -n 's/^free_memory *: *//p'; }
before=$(free)
for name in guest1 guest2; do
  xl create "/etc/xen/$name.cfg" || fail "xl create $name"
done
for name in guest1 guest2; do
  tries=0
  until ping -c 1 -W 1 "$name"; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { tail -n 20 "/var/log/xen/console/guest-$name.log"; fail "$name does not answer"; }
  done
  xl list "$name" || fail "xl list $name"
done
xl list
for name in guest1 guest2; do xl destroy "$name" || fail "xl destroy $name"; done
[ "$(xl list | wc -l)" = 2 ] || fail "guests are left: $(xl list)"
tries=0
until [ "$(free)" = "$before" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 20 ] || fail "free memory was $before MiB and is $(free) MiB"
  sleep 0.5
done
