# SPDX-License-Identifier: Apache-2.0
#
# From a file of <pattern> -> <action> rules to rules of nftables. The language is small on purpose, and a line is either
# understood whole or an error: nothing of a rules file reaches nftables unchecked. docs/networking.md describes it.
#
#   default from drop                       what happens to what no rule matches (accept unless said otherwise)
#   antispoof on|mac|off                    on unless said otherwise
#   from tcp dst 10.0.0.1 dport 22 -> accept
#   to any -> limit 10mbit
#
# Needs vif-martlet-addresses.sh. Errors: status 1 and a message in `vif_error`.

# All that a rule is made of.
rule_characters=$'^[A-Za-z0-9 \t.:/,_>-]*$'

# find_rules FOLDER NAME DEVICE: sets `rules_file` to the file for device number DEVICE of the domain called NAME, or to
# nothing. The most particular one counts.
find_rules() {
  local folder=$1 name=${2%--incoming} candidate
  rules_file=
  # The name becomes part of a path.
  case "$name" in
    '' | .* | */*) vif_error="no rules can be found for a domain called '$name'"; return 1 ;;
  esac
  for candidate in "$name.$3" "$name" default; do
    [ -e "$folder/$candidate.rules" ] || continue
    rules_file=$folder/$candidate.rules
    return 0
  done
}

# read_rules FILE: sets `antispoof` (on, mac, off), `default_from` and `default_to` (accept, drop), and `rules_from` and
# `rules_to`: lines for the chains of what comes from the guest and of what goes to it. No FILE is an empty one.
read_rules() {
  antispoof=on default_from=accept default_to=accept rules_from= rules_to=
  [ -n "$1" ] || return 0
  local line number=0 label=${1##*/}
  [ -r "$1" ] || { vif_error="cannot read $1"; return 1; }
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line=${line%%#*}
    read_rule "$line" || { vif_error="$label:$number: $vif_error"; return 1; }
  done <"$1"
}

# read_rule LINE: takes in one line.
read_rule() {
  local words pattern direction
  [[ $1 =~ $rule_characters ]] || { vif_error="a character that no rule has"; return 1; }
  read -r -a words <<<"$1"
  ((${#words[@]} > 0)) || return 0
  case "${words[0]}" in
    antispoof)
      case "${words[*]:1}" in
        on | mac | off) antispoof=${words[1]}; return 0 ;;
      esac
      vif_error="antispoof takes on, mac or off"; return 1 ;;
    default)
      case "${words[*]:1}" in
        'from accept' | 'from drop') default_from=${words[2]}; return 0 ;;
        'to accept' | 'to drop') default_to=${words[2]}; return 0 ;;
      esac
      vif_error="default takes from or to, then accept or drop"; return 1 ;;
    from | to | both) direction=${words[0]} ;;
    *) vif_error="a line begins with from, to, both, default or antispoof, not with '${words[0]}'"; return 1 ;;
  esac
  pattern="${words[*]:1}"
  [[ " $pattern " == *' -> '* ]] || { vif_error="there is no ' -> ' between pattern and action"; return 1; }
  local actions=" $pattern " matches lines
  actions=${actions#* -> }
  pattern=" $pattern "
  pattern=${pattern%% -> *}
  translate_pattern $pattern && translate_actions "$direction" "$actions" || return 1
  [ "$direction" = to ] || rules_from+=$lines
  [ "$direction" = from ] || rules_to+=$lines
}

# translate_pattern WORD...: sets `matches` to nftables' expression. Local to the line: family (what the words so far say
# of the network protocol) and transport.
translate_pattern() {
  local family= transport= word value
  matches=
  (($# > 0)) || { vif_error="the pattern is empty; 'any' matches everything"; return 1; }
  if [ "$1" = any ]; then
    (($# == 1)) || { vif_error="'any' stands alone"; return 1; }
    return 0
  fi
  while (($# > 0)); do
    word=$1
    shift
    case "$word" in
      ip | ip6 | arp) set_family "$word" || return 1; matches+="meta protocol $word "; continue ;;
      tcp | udp) set_transport "$word" || return 1; matches+="meta l4proto $word "; continue ;;
      icmp) set_family ip && set_transport icmp || return 1; matches+="meta protocol ip meta l4proto icmp "; continue ;;
      icmp6) set_family ip6 && set_transport icmpv6 || return 1
        matches+="meta protocol ip6 meta l4proto icmpv6 "; continue ;;
    esac
    (($# > 0)) || { vif_error="'$word' is no pattern, or lacks its value"; return 1; }
    value=$1
    shift
    case "$word" in
      src | dst) match_address "$word" "$value" || return 1 ;;
      sport | dport) match_port "$word" "$value" || return 1 ;;
      type)
        case "$transport" in icmp | icmpv6) ;; *) vif_error="type needs icmp or icmp6 before it"; return 1 ;; esac
        is_number "$value" 255 || { vif_error="'$value' is no ICMP type"; return 1; }
        matches+="$transport type $value " ;;
      protocol)
        is_number "$value" 255 || { vif_error="'$value' is no protocol number"; return 1; }
        set_transport "$value" || return 1
        matches+="meta l4proto $value " ;;
      mac-src | mac-dst)
        is_mac "$value" || { vif_error="'$value' is no MAC address"; return 1; }
        [ "$word" = mac-src ] && matches+="ether saddr $value " || matches+="ether daddr $value " ;;
      ethertype)
        [[ $value =~ ^0x[0-9A-Fa-f]{1,4}$ ]] || { vif_error="'$value' is no type of frames, such as 0x88cc"; return 1; }
        set_family "$value" || return 1
        matches+="ether type $value " ;;
      *) vif_error="'$word' is no pattern"; return 1 ;;
    esac
  done
}

# set_family NAME: notes the network protocol of the pattern; two different ones match nothing, which nobody means.
set_family() {
  if [ -n "$family" ] && [ "$family" != "$1" ]; then
    vif_error="the pattern asks for $family and for $1 at once"
    return 1
  fi
  family=$1
}

# set_transport NAME: as set_family, for what is above IP.
set_transport() {
  if [ -n "$transport" ] && [ "$transport" != "$1" ]; then
    vif_error="the pattern asks for $transport and for $1 at once"
    return 1
  fi
  case "$family" in arp | 0x*) vif_error="'$1' is not found in frames of $family"; return 1 ;; esac
  transport=$1
}

# match_address (src|dst) ADDRESS: IPv4 or IPv6, of the packet, or of the ARP packet after `arp`.
match_address() {
  local side=saddr
  [ "$1" = src ] || side=daddr
  if is_ip4 "$2"; then
    if [ "$family" = arp ]; then
      matches+="arp $side ip $2 "
    else
      set_family ip || return 1
      matches+="ip $side $2 "
    fi
  elif is_ip6 "$2"; then
    set_family ip6 || return 1
    matches+="ip6 $side $2 "
  else
    vif_error="'$2' is no address; names are not looked up"
    return 1
  fi
}

# match_port (sport|dport) NUMBER[-NUMBER].
match_port() {
  case "$transport" in tcp | udp) ;; *) vif_error="$1 needs tcp or udp before it"; return 1 ;; esac
  local first=${2%%-*} last=${2#*-}
  if ! is_number "$first" 65535 || ! is_number "$last" 65535 || ((first > last)); then
    vif_error="'$2' is no port, and no range of ports"
    return 1
  fi
  matches+="$transport $1 $2 "
}

# translate_actions DIRECTION TEXT: sets `lines` to the rules for `matches`. Actions are separated by commas; only the last
# may end the matter.
translate_actions() {
  local direction=$1 action ended= number rate
  local -a list
  lines=
  [[ ! $2 =~ ,[[:space:]]*$ && ! $2 =~ ^[[:space:]]*$ ]] || { vif_error="an action is missing"; return 1; }
  IFS=, read -r -a list <<<"$2"
  for action in "${list[@]}"; do
    read -r -a action <<<"$action"
    [ -z "$ended" ] || { vif_error="nothing comes after '$ended'"; return 1; }
    number=${#action[@]}
    case "$number ${action[0]}" in
      '1 accept' | '1 drop') lines+="    ${matches}counter ${action[0]}"$'\n' ended=${action[0]} ;;
      '2 limit')
        translate_rate "${action[1]}" || return 1
        lines+="    ${matches}limit rate over $rate counter drop"$'\n'"    ${matches}counter accept"$'\n' ended=limit ;;
      # A guest must not fill Domain 0's log.
      '1 log') lines+="    ${matches}limit rate 10/second burst 20 packets log prefix \"$table $direction: \""$'\n' ;;
      '2 mirror' | '2 redirect')
        [ "$direction" = from ] || { vif_error="${action[0]} is for what comes from the guest"; return 1; }
        [[ ${action[1]} =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$ ]] \
          || { vif_error="'${action[1]}' is no interface"; return 1; }
        if [ "${action[0]}" = mirror ]; then
          lines+="    ${matches}counter dup to \"${action[1]}\""$'\n'
        else
          lines+="    ${matches}counter fwd to \"${action[1]}\""$'\n' ended=redirect
        fi ;;
      *) vif_error="'${action[*]}' is no action"; return 1 ;;
    esac
  done
}

# translate_rate TEXT: sets `rate` to nftables' words for 10mbit, 500kbit, 1gbit or 200pps. The burst has room for the
# largest frame that a guest can send in one piece (64 KiB, segmented later), else such a frame would never pass.
translate_rate() {
  local bytes
  [[ $1 =~ ^([1-9][0-9]{0,5})(kbit|mbit|gbit|pps)$ ]] || { vif_error="'$1' is no rate, such as 10mbit or 200pps"; return 1; }
  case "${BASH_REMATCH[2]}" in
    kbit) bytes=$((BASH_REMATCH[1] * 125)) ;;
    mbit) bytes=$((BASH_REMATCH[1] * 125000)) ;;
    gbit) bytes=$((BASH_REMATCH[1] * 125000000)) ;;
    pps) rate="${BASH_REMATCH[1]}/second"; return 0 ;;
  esac
  rate="$bytes bytes/second burst 65536 bytes"
}
