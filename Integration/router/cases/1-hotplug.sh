# SPDX-License-Identifier: Apache-2.0
#
# What libxl sees of the script: nodes, the bridge, and nothing left behind.

plug 7 $mac7 10.0.0.7
check "online: succeeds" hotplug online 7
check "online: status" same "$(node 7/0/hotplug-status)" connected
check "online: on the bridge" same "$(bridge_of vif7.0)" xenbr0
check "online: up" is_up vif7.0
check "online: an address that no bridge takes" contains "$(ip link show dev vif7.0)" fe:ff:ff:ff:ff:ff
check "online: the bridge's MTU" same "$(cat /sys/class/net/vif7.0/mtu)" 1500
check "online: the frontend is told the MTU" same "$("$store/xenstore-read" /local/domain/7/device/vif/0/mtu)" 1500
check "online: one table" same "$(tables)" "table netdev martlet-vif-7-0 "
before=$(nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//')
check "online twice: succeeds" hotplug online 7
check "online twice: the same rules" same "$(nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//')" "$before"

plug 8 00:16:3e:00:00:08 10.0.0.8
check "second guest: online" hotplug online 8
check "second guest: reached" "$frame" card7 card8 pass udp src=$mac7 dst=00:16:3e:00:00:08 from=10.0.0.7 to=10.0.0.8
check "second guest: offline" hotplug offline 8
check "second guest: takes only its own" same "$(tables)" "table netdev martlet-vif-7-0 "
ip link delete card8

check "offline: succeeds" hotplug offline 7
check "offline: off the bridge" same "$(bridge_of vif7.0)" ""
check "offline: no table" same "$(tables)" ""
check "offline twice" hotplug offline 7
check "online again" hotplug online 7
ip link delete card7
check "offline without interface" hotplug offline 7
check "offline without interface: no table" same "$(tables)" ""

plug 7 $mac7 10.0.0.7 mtu=1400
check "mtu=: online" hotplug online 7
check "mtu=: the interface has it" same "$(cat /sys/class/net/vif7.0/mtu)" 1400
check "mtu=: the frontend is told" same "$("$store/xenstore-read" /local/domain/7/device/vif/0/mtu)" 1400
plug 7 $mac7 10.0.0.7 vifname=red
check "vifname: online" hotplug online 7
check "vifname: on the bridge" same "$(bridge_of red)" xenbr0
check "vifname: guarded" guest_sends block udp src=$other from=10.0.0.7
check "vifname: offline" hotplug offline 7
ip link delete card7

# refused NAME MESSAGE MAC ADDRESSES [NODE=VALUE...]: online fails, says why, and leaves the VIF without network or table.
refused() {
  local name=$1 message=$2
  shift 2
  plug 7 "$@"
  ip link set vif7.0 up
  check "$name: fails" not hotplug online 7
  check "$name: status" same "$(node 7/0/hotplug-status)" error
  check "$name: says why" contains "$(node 7/0/hotplug-error)" "$message"
  check "$name: no table" same "$(tables)" ""
  check "$name: down" not is_up vif7.0
  check "$name: not on the bridge" same "$(bridge_of vif7.0)" ""
}
refused "no such bridge" "no bridge nobridge" $mac7 10.0.0.7 bridge=nobridge
refused "a bridge that is none" "no bridge wire" $mac7 10.0.0.7 bridge=wire
refused "host name for address" "'localhost', which is no address" $mac7 localhost
refused "address out of range" "'10.0.0.256'" $mac7 "10.0.0.7 10.0.0.256"
refused "rule for address" "'0.0.0.0/0;'" $mac7 '0.0.0.0/0; }'
refused "two gaps in an address" "'1::2::3'" $mac7 1::2::3
refused "group's MAC" "not the MAC address of a station" 01:16:3e:00:00:07 10.0.0.7
refused "bad MAC" "not the MAC address of a station" '00:16:3e:00:00:0' 10.0.0.7
ip link delete card7
