# SPDX-License-Identifier: Apache-2.0
#
# vif-rules: rules of VIFs that run.

own="src=$mac7 from=10.0.0.7"
# Its path of programs is that of Domain 0; the fake XenStore comes from the file of places, as for the hotplug script.
administer() { "$scripts/vif-rules" "$@"; }
plug 7 $mac7 10.0.0.7
check "vif-rules: online" hotplug online 7
check "vif-rules: before" guest_sends pass udp $own dport=4
echo 'from udp dport 4 -> drop' >"$rules/guest7.rules"
check "vif-rules: check" administer check "$rules/guest7.rules"
check "vif-rules: check changes nothing" guest_sends pass udp $own dport=4
check "vif-rules: reload" administer reload 7
check "vif-rules: the new rule holds" guest_sends block udp $own dport=4
check "vif-rules: show" contains "$(administer show 7)" "udp dport 4 counter packets 1 "
echo 'from udp dport four -> drop' >"$rules/guest7.rules"
check "vif-rules: check finds the mistake" not administer check "$rules/guest7.rules"
check "vif-rules: check says the line" contains "$(administer check "$rules/guest7.rules" 2>&1)" "guest7.rules:1: 'four'"
check "vif-rules: reload refuses" not administer reload 7
check "vif-rules: the old rule still holds" guest_sends block udp $own dport=4
check "vif-rules: the network stays" guest_sends pass udp $own dport=5
check "vif-rules: a domain without VIFs" not administer reload 9
check "vif-rules: only one table" same "$(tables)" "table netdev martlet-vif-7-0 "
hotplug offline 7
ip link delete card7
