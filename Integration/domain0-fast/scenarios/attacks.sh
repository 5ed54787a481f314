# SPDX-License-Identifier: Apache-2.0
# Every attack of attacks.list as a domain beside a healthy one. After each: the healthy domain beats and found nothing wrong,
# Domain 0 answers, all memory is back. One line for each: "MARTLET-ATTACK NUMBER NAME: PASS" or "... FAIL reason".
# Settings: martlet.part=N/M takes each Mth line from the Nth on, martlet.only=TEXT those whose name has TEXT.
. /scenarios/common
require_hypervisor

patience=$(setting patience)
patience=${patience:-1}
part=$(setting part)
part=${part:-1/1}
only=$(setting only)
log=/var/log/xen/console

# Free memory of the machine in KiB: xentop counts finer than xl info.
free() { xentop -b -i 1 | sed -n 's/^Mem:.* \([0-9]*\)k free.*/\1/p'; }

# What `xl list` says of a domain's state; nothing when it is gone.
state() { xl list "$1" 2>/dev/null | awk 'NR == 2 { print $5 }'; }

# create NAME VCPUS WORDS: a GuestKit domain in the background, without a process that waits for its end.
create() {
  rm -f "$log/guest-$1.log"
  cat >/tmp/attack.cfg <<END
name = "$1"
kernel = "/guests/guest.elf"
memory = 16
vcpus = $2
extra = "$3"
on_poweroff = "preserve"
on_crash = "preserve"
on_reboot = "preserve"
END
  xl create -q -e /tmp/attack.cfg >/tmp/create.log 2>&1
}

# The number of the healthy domain's last beat.
beats() { sed -n 's/^BEAT \([0-9]*\).*/\1/p' "$log/guest-healthy.log" | tail -n 1; }

# Waits up to $1 tenths of a second for the rest, a command, to succeed.
within() {
  tenths=$(($1 * patience))
  shift
  until "$@"; do
    tenths=$((tenths - 1))
    [ "$tenths" -gt 0 ] || return 1
    usleep 100000
  done
}
beaten() { [ "$(beats)" -gt "$1" ]; }
balanced() { [ "$(free)" = "$before" ]; }
ended() {
  now=$(state "$1")
  case $now in *s* | *c* | "") return 0 ;; *) return 1 ;; esac
}

# attack NAME END VCPUS WORDS: sets `wrong` to what is wrong, or to nothing.
attack() {
  wrong=
  create attacker "$3" "test=$1 $victim $4" || { wrong="xl create: $(head -n 1 /tmp/create.log)"; return; }
  if [ "$2" = kill ]; then
    sleep 1
    now=$(state attacker)
  else
    within 200 ended attacker || [ "$2" = any ] || wrong="it did not end"
  fi
  case $2:$now in
    any:* | pass:---s-- | crash:*c* | kill:*[rb]*) ;;
    *) wrong=${wrong:-"it ended as '$now', not as '$2'"} ;;
  esac
  beat=$(beats)
  xl destroy attacker || wrong="${wrong:-xl destroy failed}"
  if grep -q BREACH "$log/guest-attacker.log"; then wrong=$(grep BREACH "$log/guest-attacker.log" | head -n 1); fi
  if grep SICK "$log/guest-healthy.log"; then wrong="the healthy domain: $(grep SICK "$log/guest-healthy.log")"; fi
  within 50 beaten "$beat" || wrong="the healthy domain does not beat"
  within 50 balanced || wrong="${wrong:-free memory was $before KiB and is $(free) KiB}"
  [ -z "$wrong" ] || tail -n 20 "$log/guest-attacker.log"
}

create healthy 1 "test=healthy" || fail "the healthy domain: $(cat /tmp/create.log)"
within 100 grep -q '^BEAT' "$log/guest-healthy.log" || fail "the healthy domain does not beat"
victim=$(sed -n 's/^HEALTHY \([a-z0-9= ]*\).*/\1/p' "$log/guest-healthy.log" | tr -d '\r')

# What Domain 0 and the hypervisor keep for good after their first guests is no loss.
before=0
for _ in 1 2; do create attacker 2 "test=console" && within 50 ended attacker; xl destroy attacker; done
sleep 1
before=$(free)
echo "MARTLET-ATTACKS free $before KiB, $victim"

number=0
failures=0
while read -r name end vcpus words; do
  case $name in "" | "#" | "#"* | xen) continue ;; esac
  number=$((number + 1))
  [ $((number % ${part#*/})) -eq $((${part%/*} % ${part#*/})) ] || continue
  case $name in *"$only"*) ;; *) continue ;; esac
  if [ "$(setting skip-on-xen)" = 1 ] && grep -q "^xen $name " /scenarios/attacks.list; then
    echo "MARTLET-ATTACK $number $name: SKIPPED $(sed -n "s/^xen $name //p" /scenarios/attacks.list)"
    continue
  fi
  start=$(cut -d ' ' -f 1 /proc/uptime)
  attack "$name" "$end" "$vcpus" "$words" </dev/null
  took="after $(echo "$(cut -d ' ' -f 1 /proc/uptime) $start" | awk '{ printf "%.1f", $1 - $2 }') s"
  if [ -z "$wrong" ]; then
    echo "MARTLET-ATTACK $number $name: PASS $took"
  else
    echo "MARTLET-ATTACK $number $name: FAIL $wrong ($took)"
    failures=$((failures + 1))
    # A loss is told once; the next attack starts from where things are.
    before=$(free)
  fi
  [ -n "$(state healthy)" ] || fail "the healthy domain is gone"
done </scenarios/attacks.list
xl destroy healthy
xl list
[ "$failures" -eq 0 ] || fail "$failures attacks did harm or did not end as they must"
