# SPDX-License-Identifier: Apache-2.0
# Three guests that compute without end share one CPU by weights 1:2:4, then 4:2:1, then one has a cap; shares are of the
# hypervisor's own account of CPU time. Domain 0 has another CPU to itself. martlet.seconds=N is the length of a window. A host
# that is busy itself takes time from whoever runs just then, which evens out: shares are of all windows so far, and there are
# up to eight of them until the shares are right. Those of a scheduler that is wrong stay wrong.
. /scenarios/flow-common
require_hypervisor
seconds=$(setting seconds 10)
windows=8

step create
cpu=$(($(xl info | sed -n 's/^nr_cpus *: *//p') - 1))
pin Domain-0 0
number=41
for name in one two four; do
  run='work,hog,cpu&' linux_guest "$name" $((number++)) 'vif = []'
done
create one -p
create two -p
create four -p
for name in one two four; do
  pin "$name" "$cpu"
  xl unpause "$name"
  until_true 400 grep -q "MARTLET-GUEST $name: up" "$(log_of "$name")" || bad "$name does not come up"
done

# shares W1 W2 W4: sets the weights, waits, and compares each share of the time used with its due.
shares() {
  local before window wrong
  xl sched-credit2 -d one -w "$1" && xl sched-credit2 -d two -w "$2" && xl sched-credit2 -d four -w "$3" ||
    bad "xl sched-credit2"
  sleep 3
  before=$(hypervisor-state) begun_at=$EPOCHREALTIME
  for ((window = 1; window <= windows; window++)); do
    sleep "$seconds"
    compare "$before" "$(hypervisor-state)" "$@" && break
    echo "MARTLET-FLOW $flow window $window: $wrong"
  done
  [ -z "$wrong" ] || bad "$wrong"
}

# compare BEFORE AFTER W1 W2 W4: whether the shares used in between are right; sets `wrong`.
compare() {
  local name number total=0 elapsed=$((${EPOCHREALTIME/./} - ${begun_at/./})) weights sum=$(($3 + $4 + $5))
  local -A used
  wrong=
  for name in one two four; do
    number=$(xl domid "$name")
    used[$name]=$(($(cpu_of "$2" "$number") - $(cpu_of "$1" "$number")))
    total=$((total + used[$name]))
  done
  measured "busy-$3:$4:$5" "$((total / elapsed))" "of 1000"
  for weights in "one $3" "two $4" "four $5"; do
    set -- $weights
    local got=$((used[$1] * 10000 / total)) due=$(($2 * 10000 / sum))
    measured "share-$1" "$got" "of 10000 (due $due)"
    # Within 3% of its due, rounded up.
    [ $((got > due ? got - due : due - got)) -le $(((due * 3 + 99) / 100)) ] || wrong="$1 has $got of 10000, due are $due"
  done
  [ -z "$wrong" ]
}

cpu_of() { echo "$1" | sed -n "s/^domain $2 .*\bcpu=\([0-9]*\).*/\1/p"; }

step weights-1-2-4
shares 128 256 512

step weights-4-2-1
shares 512 256 128

step cap
for name in two four; do xl pause "$name"; done
xl sched-credit2 -d one -c 40 || bad "xl sched-credit2 -c"
sleep 2
number=$(xl domid one)
before=$(cpu_of "$(hypervisor-state)" "$number") begun_at=$EPOCHREALTIME
for ((window = 1; window <= windows; window++)); do
  sleep 8
  got=$((($(cpu_of "$(hypervisor-state)" "$number") - before) / (${EPOCHREALTIME/./} - ${begun_at/./})))
  measured cap-40 "$got" "of 1000"
  [ "$got" -gt 430 ] || [ "$got" -lt 340 ] || break
done
[ "$got" -le 430 ] && [ "$got" -ge 340 ] || bad "with a cap of 40 it used $got of 1000"

step destroy
destroy_all
[ "$(xl list | wc -l)" = 2 ] || bad "guests are left: $(xl list)"
end_flow
