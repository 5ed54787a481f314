# SPDX-License-Identifier: Apache-2.0
#
# Rules of <pattern> -> <action>: what each means, and that a wrong line is refused.

# with ADDRESSES: makes standard input the rules of guest 7, and puts it online.
with() {
  cat >"$rules/guest7.rules"
  plug 7 $mac7 "$1"
  check "rules: online ($2)" hotplug online 7
}
own="src=$mac7 from=10.0.0.7"

with 10.0.0.7 "accept and drop" <<'RULES'
# The first match decides.
default from drop
both udp sport 5 dport 6 -> drop
from tcp -> drop
from udp dst 10.0.0.1 dport 53 -> accept
from udp dport 1000-1010 -> accept   # a range
from ip dst 10.0.9.0/24 -> accept
from ip dst 10.0.8.1 -> drop
from ip dst 10.0.8.0/24 -> accept
from arp dst 10.0.0.1 -> accept
to udp dport 23 -> drop
RULES
check "rules: address and port" guest_sends pass udp $own to=10.0.0.1 dport=53
check "rules: another port" guest_sends block udp $own to=10.0.0.1 dport=54
check "rules: another address" guest_sends block udp $own to=10.0.0.2 dport=53
check "rules: range, first" guest_sends pass udp $own to=10.0.0.3 dport=1000
check "rules: range, last" guest_sends pass udp $own to=10.0.0.3 dport=1010
check "rules: beyond the range" guest_sends block udp $own to=10.0.0.3 dport=1011
check "rules: network" guest_sends pass udp $own to=10.0.9.77
check "rules: the first match decides" guest_sends block udp $own to=10.0.8.1
check "rules: the second rule" guest_sends pass udp $own to=10.0.8.2
check "rules: ARP" guest_sends pass arp $own to=10.0.0.1
check "rules: ARP for another" guest_sends block arp $own to=10.0.0.2
check "rules: spoofing is looked at first" guest_sends block udp src=$mac7 from=10.0.0.8 to=10.0.9.77
check "rules: to the guest" guest_gets block udp src=$other dst=$mac7 from=10.0.0.1 to=10.0.0.7 dport=23
check "rules: to the guest, another port" guest_gets pass udp src=$other dst=$mac7 from=10.0.0.1 to=10.0.0.7 dport=24
check "rules: both, out" guest_sends block udp $own to=10.0.9.77 sport=5 dport=6
check "rules: both, in" guest_gets block udp src=$other dst=$mac7 from=10.0.0.1 to=10.0.0.7 sport=5 dport=6
hotplug offline 7

with "10.0.0.7 2001:db8::7" "IPv6, ICMP types, MACs" <<'RULES'
from icmp6 type 136 -> drop
from udp dst 2001:db8:1::/48 -> drop
from mac-dst 00:16:3e:00:00:55 -> drop
from udp dport 99 src 10.0.0.7 -> drop
default to drop
to mac-src 00:16:3e:00:00:99 -> accept
RULES
six="src=$mac7 dst=33:33:00:00:00:01 from=2001:db8::7"
check "rules: ICMPv6 type" guest_sends block na $six target=2001:db8::7
check "rules: another ICMPv6 type" guest_sends pass ns $six target=2001:db8::7
check "rules: IPv6 network" guest_sends block udp $six to=2001:db8:1:2::3
check "rules: another IPv6 network" guest_sends pass udp $six to=2001:db8:2:2::3
check "rules: destination's MAC" guest_sends block udp $own dst=00:16:3e:00:00:55
check "rules: port before address" guest_sends block udp $own dport=99
check "rules: port of the other family" guest_sends pass udp $six to=ff02::1 dport=99
check "rules: default for what goes to it" guest_gets block udp src=$mac7 from=10.0.0.1
check "rules: source's MAC" guest_gets pass udp src=$other from=10.0.0.1
hotplug offline 7

ip link add tap type veth peer name listener
ip link set tap up; ip link set listener up
with 10.0.0.7 "several actions" <<'RULES'
from udp dport 7 -> limit 20pps
from udp dport 8 -> limit 80kbit
from udp dport 9 -> mirror tap
from udp dport 10 -> redirect tap
from udp dport 11 -> log, drop
from udp dport 12 -> mirror tap, drop
RULES
check "rules: mirror goes on" guest_sends pass udp $own dport=9
check "rules: mirror shows" "$frame" card7 listener pass udp $own dport=9
check "rules: redirect arrives" "$frame" card7 listener pass udp $own dport=10
check "rules: redirect does not go on" guest_sends block udp $own dport=10
check "rules: log, then drop" guest_sends block udp $own dport=11
check "rules: mirror, then drop" guest_sends block udp $own dport=12
check "rules: mirror, then drop, shows" "$frame" card7 listener pass udp $own dport=12
# The bucket holds five packets and one second's worth; a slow machine may see it refilled in part.
read -r seen _ < <(guest_sends both udp $own dport=7 count=500)
check "rules: packets below the limit pass" [ "$seen" -ge 5 ]
check "rules: packets above the limit do not" [ "$seen" -lt 400 ]
# 64 KiB of burst and 10 kB/s, in frames of 1,042 bytes.
read -r seen _ < <(guest_sends both udp $own dport=8 count=500 size=1000)
check "rules: bytes below the limit pass" [ "$seen" -ge 60 ]
check "rules: bytes above the limit do not" [ "$seen" -lt 300 ]
hotplug offline 7
ip link delete tap

# Which file counts.
plug 7 $mac7 10.0.0.7
rm -f "$rules"/*
echo 'from udp dport 1 -> drop' >"$rules/default.rules"
hotplug online 7
check "files: default" guest_sends block udp $own dport=1
echo 'from udp dport 2 -> drop' >"$rules/guest7.rules"
hotplug online 7
check "files: the domain's comes before default" guest_sends block udp $own dport=2
check "files: default is not read too" guest_sends pass udp $own dport=1
echo 'from udp dport 3 -> drop' >"$rules/guest7.0.rules"
echo 'from any -> drop' >"$rules/guest7.1.rules"
hotplug online 7
check "files: the device's comes before the domain's" guest_sends block udp $own dport=3
check "files: the domain's is not read too" guest_sends pass udp $own dport=2
rm -f "$rules"/*
printf 'from udp dport 1 -> drop' >"$rules/guest7.rules"
"$store/xenstore-write" /local/domain/7/name guest7--incoming
hotplug online 7
check "files: a domain that migrates in; no newline at the end" guest_sends block udp $own dport=1
for name in ../guest7 .hidden ''; do
  "$store/xenstore-write" /local/domain/7/name "$name"
  check "files: a domain called '$name' is refused" not hotplug online 7
  check "files: a domain called '$name' is told so" contains "$(node 7/0/hotplug-error)" "no rules can be found"
  check "files: a domain called '$name' has no network" not is_up vif7.0
done
"$store/xenstore-write" /local/domain/7/name guest7

# Each wrong line, and what is said about it.
while IFS='|' read -r line message; do
  printf '# one\n%s\n' "$line" >"$rules/guest7.rules"
  check "wrong: '$line': refused" not hotplug online 7
  check "wrong: '$line': told" contains "$(node 7/0/hotplug-error)" "guest7.rules:2: $message"
  check "wrong: '$line': no table" same "$(tables)" ""
done <<'LINES'
allow all|a line begins with
from|there is no ' -> '
from any|there is no ' -> '
from any ->|an action is missing
from -> accept|the pattern is empty
from any tcp -> accept|'any' stands alone
from any -> accept, drop|nothing comes after 'accept'
from any -> redirect eth0, drop|nothing comes after 'redirect'
from any -> log,|an action is missing
from any -> reject|'reject' is no action
from any -> accept please|'accept please' is no action
from any -> limit|'limit' is no action
from any -> limit fast|'fast' is no rate
from any -> limit 0mbit|'0mbit' is no rate
from any -> limit 9999999gbit|'9999999gbit' is no rate
to any -> mirror eth0|mirror is for what comes from the guest
both any -> redirect eth0|redirect is for what comes from the guest
from any -> mirror averyveryverylongname|'averyveryverylongname' is no interface
from dport 80 -> drop|dport needs tcp or udp before it
from icmp dport 80 -> drop|dport needs tcp or udp before it
from tcp dport 80-70 -> drop|'80-70' is no port
from tcp dport 65536 -> drop|'65536' is no port
from tcp dport 080 -> drop|'080' is no port
from tcp dport -> drop|'dport' is no pattern, or lacks its value
from tcp dport http -> drop|'http' is no port
from tcp udp -> drop|the pattern asks for tcp and for udp at once
from src 10.0.0.1 dst 2001:db8::1 -> drop|the pattern asks for ip and for ip6 at once
from arp tcp -> drop|'tcp' is not found in frames of arp
from ethertype 0x88cc icmp -> drop|the pattern asks for 0x88cc and for ip at once
from ethertype 88cc -> drop|'88cc' is no type of frames
from src 10.0.0 -> drop|'10.0.0' is no address
from src 10.0.0.0/33 -> drop|'10.0.0.0/33' is no address
from src 2001:db8::/129 -> drop|'2001:db8::/129' is no address
from src 1:2:3:4:5:6:7:8:9 -> drop|'1:2:3:4:5:6:7:8:9' is no address
from src ::1:2:3:4:5:6:7:8 -> drop|'::1:2:3:4:5:6:7:8' is no address
from src 1::2: -> drop|'1::2:' is no address
from src example.org -> drop|'example.org' is no address
from mac-src 00:11:22 -> drop|'00:11:22' is no MAC address
from tcp type 8 -> drop|type needs icmp or icmp6 before it
from icmp type 256 -> drop|'256' is no ICMP type
from protocol 256 -> drop|'256' is no protocol number
from tcp ttl 5 -> drop|'ttl' is no pattern
from tcp dport 1; drop -> accept|a character that no rule has
from tcp dport 1 "x" -> accept|a character that no rule has
from tcp dport $(id) -> accept|a character that no rule has
antispoof|antispoof takes
antispoof no|antispoof takes
default drop|default takes
default from limit|default takes
LINES
echo 'from any -> redirect nosuchdevice' >"$rules/guest7.rules"
check "wrong: no such interface: refused" not hotplug online 7
check "wrong: no such interface: told" contains "$(node 7/0/hotplug-error)" "nftables: "
check "wrong: no such interface: no table" same "$(tables)" ""
hotplug offline 7
ip link delete card7
