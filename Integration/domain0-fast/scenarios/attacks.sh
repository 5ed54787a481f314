# SPDX-License-Identifier: Apache-2.0
# Every attack of attacks.list as a domain beside a healthy one. After each: the healthy domain beats and found nothing wrong,
# Domain 0 answers, every frame is back. One step for each (flow-common).
# Settings: martlet.share=N/M takes each Mth line from the Nth on, martlet.only=TEXT those whose line has TEXT,
# martlet.patience=N waits N times as long, martlet.xen=1 leaves out what Debian's Xen is not asked; martlet.seconds=N has those
# attacks go on for so long that can, martlet.latest=N is how late a beat of the healthy domain may come, in microseconds.
. /scenarios/flow-common
require_hypervisor

patience=$(setting patience 1)
share=$(setting share 1/1)
only=$(setting only)
seconds=$(setting seconds 0)
allowed=$(setting latest)

# write_config NAME VCPUS WORDS: a GuestKit domain that stays as it ended, so that its end can be seen.
write_config() {
  cat >"/etc/xen/$1.cfg" <<END
name = "$1"
kernel = "/guests/guest.elf"
memory = 16
vcpus = $2
extra = "$3"
on_poweroff = "preserve"
on_crash = "preserve"
on_reboot = "preserve"
END
}

# end_of ID: how a domain has ended, or "running", or "gone".
end_of() {
  local flags
  flags=$(hypervisor-state | sed -n "s/^domain $1 .*\bflags=\([0-9a-f]*\).*/\1/p")
  [ -n "$flags" ] || { echo gone; return; }
  # XEN_DOMINF_shutdown is bit 2, the reason (SHUTDOWN_*) is in bits 16 to 23.
  [ $((0x$flags & 4)) != 0 ] || { echo running; return; }
  case $((0x$flags >> 16 & 255)) in 0) echo pass ;; 3) echo crash ;; *) echo "reason $((0x$flags >> 16 & 255))" ;; esac
}

# The number of the healthy domain's last beat.
beats() { sed -n 's/^BEAT \([0-9]*\).*/\1/p' "$(log_of healthy)" | tail -n 1; }
# The latest of its beats after number N, in microseconds.
latest() { sed -n 's/^BEAT \([0-9]*\) late \([0-9]*\).*/\1 \2/p' "$(log_of healthy)" | awk -v n="$1" '$1 > n && $2 > m { m = $2 } END { print m + 0 }'; }
beaten() { [ "$(beats)" -gt "$1" ]; }

# Every page is free again that was before. Xen keeps one or the other for itself.
is_back() {
  local lost=$((before - $(balance)))
  [ "$lost" = 0 ] && [ "$(memory claimed)" = 0 ] || { [ -n "$(setting xen)" ] && [ "$lost" -le 8 ]; }
}

# attack NAME END VCPUS WORDS: one attack, and what it left behind.
attack() {
  local beat limit now first late
  first=$(beats)
  write_config attacker "$3" "test=$1 $victim $4 seconds=$seconds"
  create attacker -q -e || return
  domain=$(xl domid attacker)
  limit=$((EPOCHSECONDS + seconds + 15 * patience))
  [ "$2" != any ] || limit=$((EPOCHSECONDS + 5 * patience))
  [ "$2" != kill ] || limit=0
  while now=$(end_of "$domain") && [ "$now" = running ] && [ "$EPOCHSECONDS" -lt "$limit" ]; do usleep 50000; done
  [ "$2" != kill ] || { usleep 500000; now=$(end_of "$domain"); }
  case $2:$now in
    any:* | pass:pass | crash:crash | kill:running) ;;
    *) bad "it ended as '$now', not as '$2': $(grep -a -E 'FAIL|BREACH' "$(log_of attacker)" | tail -n 1 | tr -d '\r')" ;;
  esac
  beat=$(beats)
  xl destroy "$domain" || bad "xl destroy failed"
  if grep -a BREACH "$(log_of attacker)" >/tmp/breach; then bad "$(head -n 1 /tmp/breach | tr -d '\r')"; fi
  until_true $((5 * patience)) beaten "$beat" || bad "the healthy domain does not beat"
  late=$(latest "$first")
  measured latest-beat "$late" us
  [ "$late" -le "${allowed:-$late}" ] || bad "a beat of the healthy domain came $late us late"
  if grep -a SICK "$(log_of healthy)" >/tmp/sick; then bad "the healthy domain: $(head -n 1 /tmp/sick | tr -d '\r')"; fi
  until_true $((5 * patience)) is_back || bad "pages free or Domain 0's were $before and are $(balance) ($(memory claimed) claimed)"
  [ -z "$reason" ] || tail -n 12 "$(log_of attacker)" | tr -d '\r' | cut -c 1-160
}

step start
write_config healthy 1 "test=healthy"
create healthy -q -e || fail "$reason"
until_true 20 grep -a -q '^BEAT' "$(log_of healthy)" || fail "the healthy domain does not beat: $(cat "$(log_of healthy)")"
victim=$(sed -n 's/^HEALTHY \([a-z0-9= ]*\).*/\1/p' "$(log_of healthy)" | tr -d '\r')
# What Domain 0 and the hypervisor keep for good after their first guests is no loss.
write_config attacker 2 "test=console"
for _ in 1 2; do
  create attacker -q -e || fail "$reason"
  usleep 500000
  xl destroy attacker
done
sleep 1
before=$(balance)

number=0
while read -r name end vcpus words; do
  case $name in "" | "#"* | xen) continue ;; esac
  number=$((number + 1))
  [ $((number % ${share#*/})) -eq $((${share%/*} % ${share#*/})) ] || continue
  case "$name $end $vcpus $words" in *"$only"*) ;; *) continue ;; esac
  label=$name${words:+-${words//[= ]/}}
  if [ -n "$(setting xen)" ] && why=$(grep "^xen $label " /scenarios/attacks.list); then
    echo "MARTLET-FLOW $flow $label: SKIPPED ${why#xen * }"
    continue
  fi
  step "$label"
  attack "$name" "$end" "$vcpus" "$words" </dev/null
  if [ -n "$reason" ]; then
    # A loss is told once; the next attack starts from where things are.
    before=$(balance)
    [ "$(end_of "$(xl domid healthy)")" = running ] || fail "$label: the healthy domain is gone: $(tail -n 2 "$(log_of healthy)")"
  fi
done </scenarios/attacks.list

step end
xl destroy healthy || bad "xl destroy healthy"
xl list
end_flow
