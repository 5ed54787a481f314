# SPDX-License-Identifier: Apache-2.0
# Three guests that compute without end share one CPU by weights 1:2:4, then 4:2:1, then one has a cap; shares are of the
# hypervisor's own account of CPU time. Domain 0 has another CPU to itself. martlet.seconds=N says how long each is measured.
. /scenarios/flow-common
require_hypervisor
seconds=$(setting seconds 10)

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
  until_true 120 grep -q "MARTLET-GUEST $name: up" "$(log_of "$name")" || bad "$name does not come up"
done

# shares W1 W2 W4: sets the weights, waits, and compares each share of the time used with its due.
shares() {
  local name before after total=0 weights
  xl sched-credit2 -d one -w "$1" && xl sched-credit2 -d two -w "$2" && xl sched-credit2 -d four -w "$3" ||
    bad "xl sched-credit2"
  sleep 3
  local -A used
  before=$(hypervisor-state) begun_at=$EPOCHREALTIME
  sleep "$seconds"
  after=$(hypervisor-state)
  local elapsed=$((${EPOCHREALTIME/./} - ${begun_at/./}))
  for name in one two four; do
    local number=$(xl domid "$name")
    used[$name]=$(($(cpu_of "$after" "$number") - $(cpu_of "$before" "$number")))
    total=$((total + used[$name]))
  done
  measured "busy-$1:$2:$3" "$((total / elapsed))" "of 1000"
  local sum=$(($1 + $2 + $3))
  for weights in "one $1" "two $2" "four $3"; do
    set -- $weights
    local got=$((used[$1] * 10000 / total)) due=$(($2 * 10000 / sum))
    measured "share-$1" "$got" "of 10000 (due $due)"
    # Within 3% of its due, rounded up.
    [ $((got > due ? got - due : due - got)) -le $(((due * 3 + 99) / 100)) ] || bad "$1 has $got of 10000, due are $due"
  done
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
sleep 8
got=$((($(cpu_of "$(hypervisor-state)" "$number") - before) / (${EPOCHREALTIME/./} - ${begun_at/./})))
measured cap-40 "$got" "of 1000"
[ "$got" -le 430 ] && [ "$got" -ge 340 ] || bad "with a cap of 40 it used $got of 1000"

step destroy
destroy_all
[ "$(xl list | wc -l)" = 2 ] || bad "guests are left: $(xl list)"
end_flow
