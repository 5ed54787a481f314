# SPDX-License-Identifier: Apache-2.0
# The virtual firewall-router (docs/networking.md) with real guests: created with script=vif-martlet, they reach each other and
# Domain 0, but from no address of others and not past their rules; a guest with wrong rules is not created; nothing is left.
. /scenarios/flow-common
require_hypervisor
rules=/etc/xen/vif-rules
tables() { nft list tables | grep martlet | tr '\n' ' '; }

# filtered NAME NUMBER: a Linux guest behind vif-martlet.
filtered() {
  linux_guest "$1" "$2" \
    "vif = [ \"script=vif-martlet,bridge=xenbr0,mac=00:16:3e:4e:01:$(printf %02x "$2"),ip=192.168.77.$2\" ]"
}

step refused
# A wrong line, and xl says which.
filtered red 71
echo 'from tcp dport http -> drop' >"$rules/red.rules"
if xl create /etc/xen/red.cfg >/tmp/create.log 2>&1; then bad "xl create took wrong rules"; fi
grep -q "red.rules:1: 'http' is no port" /tmp/create.log || bad "xl said: $(tail -n 1 /tmp/create.log)"
is_gone red || bad "red is $(state red)"
[ -z "$(tables)" ] || bad "tables are left: $(tables)"

step create
echo 'from udp dport 99 -> drop' >"$rules/red.rules"
filtered blue 72
create red
create blue
for name in red blue; do
  [[ $(tables) == *"martlet-vif-$(xl domid $name)-0 "* ]] || bad "$name has no table: $(tables)"
done
answers red 120
answers blue

step guests-reach-each-other
on red 'ping -c 2 -W 5 192.168.77.72' >/dev/null || bad "red does not reach blue"
on blue 'ping -c 2 -W 5 192.168.77.71' >/dev/null || bad "blue does not reach red"
on blue 'ping -c 2 -W 5 192.168.77.1' >/dev/null || bad "blue does not reach Domain 0"

step another-address
on red 'ip address add 192.168.77.79/24 dev eth0' || bad "red takes no second address"
if on red 'ping -c 2 -W 1 -I 192.168.77.79 192.168.77.72' >/dev/null; then bad "red speaks from 192.168.77.79"; fi
/etc/xen/scripts/vif-rules show red | grep -q 'counter packets [1-9].*ARP sender\|counter packets [1-9].*source address' ||
  bad "no drop was counted: $(/etc/xen/scripts/vif-rules show red | grep counter)"
on red 'ping -c 1 -W 5 192.168.77.72' >/dev/null || bad "red does not reach blue any more"

step rules-change
echo 'from icmp dst 192.168.77.72 -> drop' >"$rules/red.rules"
/etc/xen/scripts/vif-rules reload red || bad "vif-rules reload"
if on red 'ping -c 2 -W 1 192.168.77.72' >/dev/null; then bad "red still reaches blue"; fi
on red 'ping -c 1 -W 5 192.168.77.1' >/dev/null || bad "red does not reach Domain 0 any more"
rm "$rules/red.rules"

step reboot
# A new domain, a new VIF, a new table; the old one is gone.
before=$(xl domid blue)
: >"$(log_of blue)"
xl reboot blue || bad "xl reboot"
until_true 60 eval "[ -n \"\$(xl domid blue)\" ] && [ \"\$(xl domid blue)\" != $before ]" || bad "blue is still domain $before"
answers blue 120
[ "$(tables)" = "table netdev martlet-vif-$(xl domid red)-0 table netdev martlet-vif-$(xl domid blue)-0 " ] ||
  bad "tables: $(tables)"

step destroy
xl destroy red || bad "xl destroy red"
until_true 20 eval "[[ \$(tables) != *-vif-$((before - 1))-* ]]" || bad "red's table is left: $(tables)"
on blue 'ping -c 1 -W 5 192.168.77.1' >/dev/null || bad "blue lost its network with red's end"
xl destroy blue || bad "xl destroy blue"
[ -z "$(tables)" ] || bad "tables are left: $(tables)"

step kernel-log
require_quiet_kernel_log
end_flow
