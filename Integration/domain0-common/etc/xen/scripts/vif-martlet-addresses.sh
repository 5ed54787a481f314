# SPDX-License-Identifier: Apache-2.0
#
# Addresses as a vif line or a rule may write them, checked to the last character: what passes here is put into nftables
# rules as it stands. No name is ever looked up. Nothing here starts a process, of which a hotplug script has enough.

# is_mac TEXT: six bytes in hexadecimal.
is_mac() {
  [[ $1 =~ ^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$ ]]
}

# is_station_mac TEXT: the address of one station: not a group's, not all zero.
is_station_mac() {
  is_mac "$1" && (((16#${1:0:2} & 1) == 0)) && [ "$1" != 00:00:00:00:00:00 ]
}

# is_number TEXT LIMIT: a decimal number without leading zeros, at most LIMIT.
is_number() {
  [[ $1 =~ ^(0|[1-9][0-9]{0,9})$ ]] && (($1 <= $2))
}

# split_prefix TEXT BITS: sets `address` and `prefix`; the prefix is BITS when none is written.
split_prefix() {
  address=${1%%/*} prefix=$2
  [ "$address" = "$1" ] || prefix=${1#*/}
  is_number "$prefix" "$2"
}

# is_ip4 TEXT: an IPv4 address, or a network as ADDRESS/BITS.
is_ip4() {
  local address prefix byte
  split_prefix "$1" 32 || return 1
  [[ $address =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ ]] || return 1
  local IFS=.
  for byte in $address; do is_number "$byte" 255 || return 1; done
}

# expand_ip6 TEXT: sets `groups` to the eight 16-bit groups of an IPv6 address, each of four digits. Dotted quads inside
# IPv6 addresses are not taken.
expand_ip6() {
  local text=$1 head tail word count filler=()
  groups=()
  [[ $text =~ ^[0-9A-Fa-f:]{2,39}$ ]] || return 1
  local had_gap=
  if [[ $text == *::* ]]; then
    head=${text%%::*} tail=${text#*::} had_gap=yes
    [[ $tail != *::* && $tail != :* ]] || return 1
  else
    head=$text tail=
  fi
  # A colon at either end of a part would be an empty group.
  for word in "$head" "$tail"; do [[ $word != :* && $word != *: ]] || return 1; done
  local IFS=:
  local first=($head) last=($tail)
  count=$((${#first[@]} + ${#last[@]}))
  if [ -n "$had_gap" ]; then
    ((count <= 7)) || return 1
    while ((count + ${#filler[@]} < 8)); do filler+=(0); done
  else
    ((count == 8)) || return 1
  fi
  for word in "${first[@]}" "${filler[@]}" "${last[@]}"; do
    [[ $word =~ ^[0-9A-Fa-f]{1,4}$ ]] || return 1
    printf -v word %04x "0x$word"
    groups+=("$word")
  done
}

# is_ip6 TEXT: an IPv6 address, or a network as ADDRESS/BITS.
is_ip6() {
  local address prefix groups
  split_prefix "$1" 128 && expand_ip6 "$address"
}

# range_of_ip6 TEXT: sets `range` to an IPv6 address or network as numbers of 128 bits, FIRST or FIRST-LAST, which is how nftables
# compares it with bytes of a packet that it has no name for.
range_of_ip6() {
  local address prefix groups index value bits mask first= last= part
  split_prefix "$1" 128 && expand_ip6 "$address" || return 1
  for index in 0 1 2 3 4 5 6 7; do
    bits=$((prefix - 16 * index))
    ((bits >= 0)) || bits=0
    ((bits <= 16)) || bits=16
    mask=$((0xffff << (16 - bits) & 0xffff))
    value=$((16#${groups[index]}))
    printf -v part %04x $((value & mask))
    first+=$part
    printf -v part %04x $((value & mask | ~mask & 0xffff))
    last+=$part
  done
  range=0x$first
  [ "$first" = "$last" ] || range+=-0x$last
}

# link_local_of MAC: sets `link_local` to the IPv6 link-local address that a guest makes of its MAC (EUI-64, RFC 4291 appendix A).
link_local_of() {
  local bytes
  IFS=: read -r -a bytes <<<"$1"
  printf -v link_local 'fe80::%02x%02x:%02xff:fe%02x:%02x%02x' $((16#${bytes[0]} ^ 2)) "0x${bytes[1]}" "0x${bytes[2]}" \
    "0x${bytes[3]}" "0x${bytes[4]}" "0x${bytes[5]}"
}
