# SPDX-License-Identifier: Apache-2.0
#
# gatewaydev=: Domain 0 routes between the VIF and its own network. The guest and a host of the network live in namespaces of
# their own. An answer, if only that nobody listens there, has been a way there and back.

# reach SECONDS: tries until it is so, or until that time is over. One try may fail with nothing being wrong: the kernel gives a
# neighbour up after three questions, and answers by proxy late on purpose.
reach() {
  local end=$((SECONDS + $1))
  until timeout "$1" ip netns exec guest bash -c ': >/dev/tcp/192.0.2.9/9' 2>&1 | grep refused; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

ip netns add guest && ip netns add host
ip link add uplink type veth peer name far
ip link set far netns host
ip address add 192.0.2.1/24 dev uplink
ip link set uplink up
echo 1 >/proc/sys/net/ipv4/ip_forward
ip netns exec host sh -c 'ip address add 192.0.2.9/24 dev far; ip link set far up'

plug 7 $mac7 192.0.2.7 gatewaydev=uplink
ip link set card7 netns guest
ip netns exec guest sh -c "ip link set card7 address $mac7; ip address add 192.0.2.7/24 dev card7; ip link set card7 up"
check "routed: online" hotplug online 7
check "routed: not on a bridge" same "$(bridge_of vif7.0)" ""
check "routed: a route to the guest" contains "$(ip route get 192.0.2.7)" "dev vif7.0"
# Its host answers for its own network to the guest by proxy ARP; the host knows the guest by proxy ARP on the uplink.
echo 1 >/proc/sys/net/ipv4/conf/uplink/proxy_arp
check "routed: there and back" reach 60
ip netns exec guest sh -c 'ip address add 192.0.2.8/32 dev card7; ip route add 192.0.2.9 dev card7 src 192.0.2.8'
check "routed: not from another address" not reach 2
check "routed: offline" hotplug offline 7
check "routed: no route is left" not contains "$(ip route show)" vif7.0

plug 7 $mac7 "" gatewaydev=uplink
check "routed without ip=: refused" not hotplug online 7
check "routed without ip=: told" contains "$(node 7/0/hotplug-error)" "needs ip="
ip link delete card7
ip link delete uplink
ip netns delete guest
ip netns delete host
