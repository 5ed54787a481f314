# SPDX-License-Identifier: Apache-2.0
#
# A VIF that is routed to instead of bridged (gatewaydev= in the vif line): Domain 0 is the guest's router. The VIF borrows
# Domain 0's address on the gateway device, and the guest's addresses from ip= become routes to it. Routes and addresses go
# with the device. Whether Domain 0 forwards at all (net.ipv4.ip_forward) is its own decision.
#
# Errors: status 1 and a message in `vif_error`.

# route_vif DEVICE GATEWAY: uses `ip`, the addresses of the vif line.
route_vif() {
  local device=$1 gateway=$2 own item
  [ -n "$ip" ] || { vif_error="a routed vif needs ip= in its vif line"; return 1; }
  own=$(ip_of "$gateway") || :
  ip link set dev "$device" up || { vif_error="$device does not go up"; return 1; }
  if [ -n "$own" ]; then
    ip address replace "$own/32" dev "$device" || { vif_error="$device does not take the address $own"; return 1; }
    # The guest asks for its neighbours on the gateway's network: Domain 0 answers for them.
    echo 1 >"/proc/sys/net/ipv4/conf/$device/proxy_arp" || { vif_error="no proxy_arp for $device"; return 1; }
  fi
  for item in $ip; do
    if is_ip4 "$item" && [ -z "$own" ]; then
      vif_error="$gateway has no IPv4 address to route $item by"
      return 1
    fi
    ip route replace "$item" dev "$device" ${own:+$(is_ip4 "$item" && echo "src $own")} \
      || { vif_error="no route to $item by $device"; return 1; }
  done
}
