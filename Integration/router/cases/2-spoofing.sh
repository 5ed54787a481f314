# SPDX-License-Identifier: Apache-2.0
#
# Anti-spoofing, on by default: a guest speaks as itself or not at all.

own="src=$mac7 from=10.0.0.7"
plug 7 $mac7 "10.0.0.7 10.7.0.0/24"
check "spoof: online" hotplug online 7
check "spoof: own address" guest_sends pass udp $own to=10.0.0.1
check "spoof: own network" guest_sends pass udp src=$mac7 from=10.7.0.200 to=10.0.0.1
check "spoof: other MAC" guest_sends block udp src=$other from=10.0.0.7
check "spoof: group's MAC" guest_sends block udp src=01:16:3e:00:00:07 from=10.0.0.7
check "spoof: other address" guest_sends block udp src=$mac7 from=10.0.0.8
check "spoof: address beside the network" guest_sends block udp src=$mac7 from=10.7.1.1
check "spoof: DHCP question" guest_sends pass udp src=$mac7 from=0.0.0.0 to=255.255.255.255 sport=68 dport=67
check "spoof: no address, not DHCP" guest_sends block udp src=$mac7 from=0.0.0.0 to=255.255.255.255 sport=68 dport=68
check "spoof: own ARP question" guest_sends pass arp $own to=10.0.0.1
check "spoof: own ARP answer" guest_sends pass arp op=2 $own to=10.0.0.1 dst=$other
check "spoof: ARP for another address" guest_sends block arp op=2 src=$mac7 from=10.0.0.1 to=10.0.0.9
check "spoof: gratuitous ARP for another" guest_sends block arp src=$mac7 from=10.0.0.1 to=10.0.0.1
check "spoof: ARP with another's MAC" guest_sends block arp op=2 $own sender=$other to=10.0.0.9
check "spoof: ARP probe" guest_sends pass arp src=$mac7 from=0.0.0.0 to=10.0.0.7
check "spoof: ARP probe of another's address" guest_sends block arp src=$mac7 from=0.0.0.0 to=10.0.0.8
check "spoof: reverse ARP operation" guest_sends block arp op=3 $own to=10.0.0.1
check "spoof: VLAN tag" guest_sends block udp vlan=5 $own to=10.0.0.1
check "spoof: priority tag" guest_sends block udp vlan=0 $own to=10.0.0.1
check "spoof: service tag" guest_sends block udp vlan=5 tag=0x88a8 $own to=10.0.0.1
check "spoof: old service tag" guest_sends block udp vlan=5 tag=0x9100 $own to=10.0.0.1
check "spoof: tag around another's address" guest_sends block udp vlan=5 src=$mac7 from=10.0.0.8 to=10.0.0.1
check "spoof: another protocol" guest_sends block raw src=$mac7 type=0x88b5
check "spoof: IPv6 without an address for it" guest_sends block udp src=$mac7 from=fe80::216:3eff:fe00:7 to=ff02::1
check "spoof: the bridge has not learned" not grep -q $other <(bridge fdb show dev vif7.0)

check "to the guest: its own" guest_gets pass udp src=$other dst=$mac7 from=10.0.0.1 to=10.0.0.7
check "to the guest: broadcast" guest_gets pass udp src=$other from=10.0.0.1
check "to the guest: multicast" guest_gets pass udp src=$other dst=01:00:5e:00:00:01 from=10.0.0.1 to=224.0.0.1
check "to the guest: another station's" guest_gets block udp src=$other dst=00:16:3e:00:00:77 from=10.0.0.1 to=10.0.0.7
hotplug offline 7
check "spoof: another's frames pass without the table" bash -c "ip link set vif7.0 master xenbr0 up &&
  $frame card7 wire pass udp src=$other from=10.0.0.8"

plug 7 $mac7 "2001:db8::7 fd00:1:2::/48"
check "IPv6: online" hotplug online 7
six="src=$mac7 dst=33:33:00:00:00:01"
check "IPv6: own address" guest_sends pass udp $six from=2001:db8::7 to=ff02::1
check "IPv6: own network" guest_sends pass udp $six from=fd00:1:2:ffff::9 to=ff02::1
check "IPv6: link-local" guest_sends pass udp $six from=fe80::216:3eff:fe00:7 to=ff02::1
check "IPv6: another's address" guest_sends block udp $six from=2001:db8::8 to=ff02::1
check "IPv6: another's link-local" guest_sends block udp $six from=fe80::216:3eff:fe00:8 to=ff02::1
check "IPv6: beside the network" guest_sends block udp $six from=fd00:1:3::9 to=ff02::1
check "IPv6: no address" guest_sends block udp $six from=:: to=ff02::1
check "IPv6: own advertisement" guest_sends pass na $six from=2001:db8::7 target=2001:db8::7
check "IPv6: advertisement for its network" guest_sends pass na $six from=2001:db8::7 target=fd00:1:2:3:4:5:6:7
check "IPv6: advertisement for another" guest_sends block na $six from=2001:db8::7 target=2001:db8::1
check "IPv6: solicitation" guest_sends pass ns $six from=2001:db8::7 target=2001:db8::1
check "IPv6: duplicate address detection" guest_sends pass ns $six from=:: target=2001:db8::7
check "IPv6: detection of another's address" guest_sends block ns $six from=:: target=2001:db8::1
check "IPv6: IPv4 without an address for it" guest_sends block udp src=$mac7 from=10.0.0.7 to=10.0.0.1
check "IPv6: ARP without an address for it" guest_sends block arp src=$mac7 from=10.0.0.7 to=10.0.0.1
hotplug offline 7

plug 7 $mac7 ""
check "without ip=: online" hotplug online 7
check "without ip=: any address" guest_sends pass udp src=$mac7 from=10.1.2.3
check "without ip=: any address, IPv6" guest_sends pass udp $six from=2001:db8::5 to=ff02::1
check "without ip=: another's MAC" guest_sends block udp src=$other from=10.1.2.3
check "without ip=: ARP with another's MAC" guest_sends block arp src=$mac7 sender=$other from=10.1.2.3 to=10.1.2.3
# A bridge takes these in itself, so nothing is to be seen at the wire: the counter tells.
dropped() { nft list table netdev martlet-vif-7-0 | grep "packets $2 .*comment \"$1\""; }
guest_sends both raw src=$mac7 dst=01:80:c2:00:00:00 type=0x0026 >/dev/null
guest_sends both raw src=$mac7 dst=01:80:c2:00:00:0f type=0x88cc >/dev/null
guest_sends both raw src=$mac7 dst=01:80:c2:00:00:10 type=0x88cc >/dev/null
check "without ip=: what bridges say to each other" dropped "bridge control" 2
check "without ip=: VLAN tag" guest_sends block udp vlan=5 src=$mac7 from=10.1.2.3
hotplug offline 7

echo 'antispoof mac' >"$rules/guest7.rules"
plug 7 $mac7 10.0.0.7
check "antispoof mac: online" hotplug online 7
check "antispoof mac: another's address" guest_sends pass udp src=$mac7 from=10.0.0.8
check "antispoof mac: another's MAC" guest_sends block udp src=$other from=10.0.0.7
hotplug offline 7
echo 'antispoof off' >"$rules/guest7.rules"
check "antispoof off: online" hotplug online 7
check "antispoof off: another's MAC" guest_sends pass udp src=$other from=10.0.0.8
hotplug offline 7
ip link delete card7
