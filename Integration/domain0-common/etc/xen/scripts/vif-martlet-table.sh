# SPDX-License-Identifier: Apache-2.0
#
# A VIF's table of nftables: made as text, installed in one transaction, removed whole. The chains hang on the device itself
# (family netdev, hooks ingress and egress), so that they see frames before the bridge learns from them and after it has
# decided, and work for routed VIFs as well. No two VIFs share anything.
#
# Needs vif-martlet-addresses.sh and vif-martlet-rules.sh. Errors: status 1 and a message in `vif_error`.

# identify_vif PATH: from the backend's path in XenStore, sets `domain_id`, `device_id` and `table`, the table's name.
identify_vif() {
  if ! [[ $1 =~ (^|/)backend/vif/([0-9]+)/([0-9]+)$ ]]; then
    vif_error="'$1' is not the path of a VIF's backend"
    return 1
  fi
  domain_id=${BASH_REMATCH[2]} device_id=${BASH_REMATCH[3]}
  table=martlet-vif-$domain_id-$device_id
  # A guest with an emulated card has two interfaces for one VIF.
  [ "${type_if:-vif}" = vif ] || table+=-emu
}

# describe_vif DEVICE MAC ADDRESSES NAME: sets `table_text`. ADDRESSES is the vif line's ip=, separated by spaces; NAME is the
# domain's, for its rules.
describe_vif() {
  local device=$1 mac=$2 link_local addresses=() networks4=() networks6=() item
  is_station_mac "$mac" || { vif_error="'$mac' is not the MAC address of a station"; return 1; }
  read -r -a addresses <<<"$3"
  for item in "${addresses[@]}"; do
    if is_ip4 "$item"; then
      networks4+=("$item")
    elif is_ip6 "$item"; then
      networks6+=("$item")
    else
      vif_error="ip= has '$item', which is no address"
      return 1
    fi
  done
  find_rules "$rules_folder" "$4" "$device_id" && read_rules "$rules_file" || return 1
  # Neighbour discovery speaks from the link-local address.
  if ((${#networks6[@]} > 0)); then
    link_local_of "$mac"
    networks6+=("$link_local")
  fi

  table_text="add table netdev $table
delete table netdev $table
table netdev $table {
"
  if [ "$antispoof" = on ] && ((${#addresses[@]} > 0)); then
    ((${#networks4[@]} == 0)) || append_set own4 ipv4_addr "${networks4[@]}"
    ((${#networks6[@]} == 0)) || append_set own6 ipv6_addr "${networks6[@]}"
  fi
  table_text+="  chain from {
    type filter hook ingress device \"$device\" priority -100; policy drop;
"
  [ "$antispoof" = off ] || append_station_checks "$mac"
  if [ "$antispoof" = on ] && ((${#addresses[@]} > 0)); then
    table_text+="    jump source"$'\n'
  fi
  table_text+="$rules_from    counter $default_from
  }
  chain to {
    type filter hook egress device \"$device\" priority -100; policy drop;
"
  # What the bridge floods because it does not know better is none of this guest's business.
  [ "$antispoof" = off ] || table_text+="    ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 ether daddr != $mac \
counter drop comment \"another station's\""$'\n'
  table_text+="$rules_to    counter $default_to
  }
"
  if [ "$antispoof" = on ] && ((${#addresses[@]} > 0)); then append_source_checks; fi
  table_text+="}"$'\n'
}

# append_set NAME TYPE ELEMENT...: the addresses that are the guest's own.
append_set() {
  local name=$1 type=$2 IFS=,
  shift 2
  table_text+="  set $name { type $type; flags interval; auto-merge; elements = { $* }; }"$'\n'
}

# append_station_checks MAC: one station, on its own network, that is not a bridge. A VLAN tag would take the frame to
# another network and its addresses past the checks; 01:80:c2:00:00:0x is how bridges talk among themselves.
append_station_checks() {
  table_text+="    ether saddr != $1 counter drop comment \"source MAC\"
    ether type { 0x8100, 0x88a8, 0x9100 } counter drop comment \"VLAN tag\"
    ether daddr 01:80:c2:00:00:00-01:80:c2:00:00:0f counter drop comment \"bridge control\"
    ether type arp arp saddr ether != $1 counter drop comment \"ARP sender MAC\"
"
}

# append_source_checks: the chain that returns for what speaks from the guest's own addresses and drops the rest: other
# network protocols, and the families that ip= has no address of. Before it has an address, a guest may ask for one (DHCP;
# solicitations and reports from ::), and may ask whether somebody else has its own (ARP probe, duplicate address detection).
append_source_checks() {
  local item range ranges=()
  table_text+="  chain source {"$'\n'
  if ((${#networks4[@]} > 0)); then
    table_text+="    ip saddr @own4 return
    ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 return
    ether type arp arp htype 1 arp ptype 0x0800 arp hlen 6 arp plen 4 arp operation { 1, 2 } goto arp-source
"
  fi
  if ((${#networks6[@]} > 0)); then
    for item in "${networks6[@]}"; do
      range_of_ip6 "$item" || return 1
      ranges+=("$range")
    done
    local IFS=,
    # The target stands after the first eight bytes of both messages (RFC 4861, 4.3 and 4.4).
    table_text+="    icmpv6 type nd-neighbor-advert @th,64,128 != { ${ranges[*]} } counter drop comment \"ND target\"
    ip6 saddr :: icmpv6 type nd-neighbor-solicit @th,64,128 != { ${ranges[*]} } counter drop comment \"ND target\"
    ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld2-listener-report } return
    ip6 saddr @own6 return
"
  fi
  table_text+="    counter drop comment \"source address\"
  }
"
  ((${#networks4[@]} == 0)) || table_text+="  chain arp-source {
    arp saddr ip @own4 return
    arp operation 1 arp saddr ip 0.0.0.0 arp daddr ip @own4 return
    counter drop comment \"ARP sender\"
  }
"
}

# install_table: puts `table_text` in the place of what this VIF had. nftables takes all of it or nothing.
install_table() {
  local answer
  if ! answer=$(nft -f - <<<"$table_text" 2>&1); then
    vif_error="nftables: ${answer%%$'\n'*}"
    return 1
  fi
}

# remove_table: also when there is none.
remove_table() {
  local answer
  if ! answer=$(printf 'add table netdev %s\ndelete table netdev %s\n' "$table" "$table" | nft -f - 2>&1); then
    vif_error="nftables: ${answer%%$'\n'*}"
    return 1
  fi
}
