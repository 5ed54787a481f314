# SPDX-License-Identifier: Apache-2.0
# A hundred guests at once, GuestKit's and small Linux ones, half of them paused: each creation is timed, and the hypervisor's
# part of it must not grow with the number of guests. martlet.guests=N for another number.
. /scenarios/flow-common
require_hypervisor
number=$(setting guests 100)
step prepare
# Domain 0's own table of ports is as long as it will be.
use-ports 900 || bad "use-ports"
small_guest warm-up
create warm-up -qp && xl destroy warm-up
until_true 20 is_gone warm-up
sleep 1
start=$(balance)

: >/tmp/times
for ((guest = 1; guest <= number; guest++)); do
  # On a slow or busy host all of them together take many minutes: a step tells every now and then that it gets on.
  [ $((guest % 20)) != 1 ] || step "create-from-$guest"
  name=many$guest option=-q
  [ $((guest % 2)) = 0 ] || option=-qp
  # Every tenth is Linux.
  if [ $((guest % 10)) = 0 ]; then
    linux_guest "$name" $((100 + guest)) 'vif = []'
    create "$name" "$option" || break
    continue
  fi
  small_guest "$name"
  begin=$EPOCHREALTIME
  kill-at trace xl create "$option" "/etc/xen/$name.cfg" >/tmp/trace 2>/tmp/create.log || { cat /tmp/create.log; bad "xl create $name"; break; }
  whole=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
  # xl asks for the label of each domain there is, by xsm_op: there, what one request takes counts, not how many there are.
  ours=$(awk '/^REQUEST/ && $3 != "call-27" { sum += $4 } END { print int(sum / 1000) }' /tmp/trace)
  label=$(awk '/^REQUEST/ && $3 == "call-27" { sum += $4; count++ } END { print int(sum / (count ? count : 1)) }' /tmp/trace)
  echo "$guest $whole $ours $label" | tee -a /tmp/times
done

# median COLUMN: of the lines that come in.
median() { awk -v column="$1" '{ print $column }' | sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

step flat
whole_first=$(head -n 15 /tmp/times | median 2) whole_last=$(tail -n 15 /tmp/times | median 2)
ours_first=$(head -n 15 /tmp/times | median 3) ours_last=$(tail -n 15 /tmp/times | median 3)
label_first=$(head -n 15 /tmp/times | median 4) label_last=$(tail -n 15 /tmp/times | median 4)
measured create-first-15 "$whole_first" ms
measured create-last-15 "$whole_last" ms
measured hypervisor-first-15 "$ours_first" ms
measured hypervisor-last-15 "$ours_last" ms
measured label-first-15 "$label_first" us
measured label-last-15 "$label_last" us
[ "$label_last" -le $((label_first * 3 / 2 + 50)) ] || bad "asking for a label took $label_first us at first and $label_last us at last"
[ "$ours_last" -le $((ours_first * 3 / 2 + 2)) ] || bad "requests took $ours_first ms at first and $ours_last ms at last"

step all-there
[ "$(xl list | wc -l)" = $((number + 2)) ] || bad "xl list has $(xl list | wc -l) lines"
linux_up() { [ "$(grep -l 'MARTLET-GUEST many.*: up' /var/log/xen/console/guest-many*.log | wc -l)" = "$1" ]; }
until_true 200 linux_up $((number / 10)) || {
  bad "Linux guests that run: $(grep -l 'MARTLET-GUEST many.*: up' /var/log/xen/console/guest-many*.log | wc -l)"
  for log in /var/log/xen/console/guest-many*0.log; do echo "$log:"; tail -n 3 "$log"; done
  xl list | grep '^many[0-9]*0 '
}

step unpause-all
for ((guest = 1; guest <= number; guest += 2)); do xl unpause many$guest || bad "xl unpause many$guest"; done
until_true 60 eval '! xl list | grep -q -- "--p---"' || bad "still paused: $(xl list | grep -c -- '--p---')"

step fixed-memory
used=$((start - $(balance)))
own=$(hypervisor-state | awk '/^domain [1-9]/ { sub("pages=", "", $3); sum += $3 } END { print sum }')
# Not the guests' own pages: page tables of the physical map, records, grant tables, stacks of theirs.
measured overhead-each "$(((used - own) * 4 / number))" kB
xl info | grep free_memory

step destroy
destroy_all
[ "$(xl list | wc -l)" = 2 ] || bad "guests are left: $(xl list | tail -n +3 | wc -l)"
balanced "$start"
end_flow
