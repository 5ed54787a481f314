# SPDX-License-Identifier: Apache-2.0
# What a measured guest keeps beside a bad neighbour. Both are Linux guests of equal weight on one CPU, Domain 0 is on the other.
# The measured guest computes without end, so that one half of the CPU is its due; it is measured alone, then beside a guest
# that computes, forks without end, writes all its memory, works its disk, floods the network, at last beside all five at
# once, when a sixth is its due. Both the share of CPU time, by the hypervisor's account, and the work done, by the guest's
# own, count. martlet.seconds=N is the length of each measurement.
. /scenarios/flow-common
require_hypervisor
seconds=$(setting seconds 20)
hogs="cpu fork memory disk net"

step prepare
cpu=$(($(xl info | sed -n 's/^nr_cpus *: *//p') - 1))
pin Domain-0 0
truncate -s 48M /tmp/disk.img
run='work,measure&' linux_guest measured 61 'vif = []'
run='work,hog,cpu&' linux_guest hog-cpu 62 'vif = []'
run='work,hog,fork&' linux_guest hog-fork 63 'vif = []'
run='work,hog,memory&' linux_guest hog-memory 64 'vif = []'
run='work,hog,disk,/dev/xvda&' linux_guest hog-disk 65 'vif = []' 'disk = [ "/tmp/disk.img,raw,xvda,rw" ]'
run='work,hog,net,192.168.77.1&' linux_guest hog-net 66
create measured
pin measured "$cpu"
until_true 120 grep -q ^WORK "$(log_of measured)" || bad "the measured guest does not measure"

cpu_of() { echo "$1" | sed -n "s/^domain $2 .*\bcpu=\([0-9]*\).*/\1/p"; }

# work_line: the last whole line of the measured guest: units and nanoseconds since its start.
work_line() { tail -n 3 "$(log_of measured)" | tr -d '\r' | grep -E '^WORK [0-9]+ [0-9]+$' | tail -n 1; }

# take [HOG]: sets `share`, CPU time of the measured guest in 1/10000 of the time that passed, `rate`, its units per 1000 s, and
# `taken`, the share of the hog.
take() {
  local number hog before after begun_at elapsed first last
  number=$(xl domid measured) hog=$(xl domid "${1:-measured}")
  sleep 4
  first=$(work_line)
  before=$(hypervisor-state) begun_at=$EPOCHREALTIME
  sleep "$seconds"
  after=$(hypervisor-state)
  elapsed=$((${EPOCHREALTIME/./} - ${begun_at/./}))
  last=$(work_line)
  share=$((($(cpu_of "$after" "$number") - $(cpu_of "$before" "$number")) * 10 / elapsed))
  taken=$((($(cpu_of "$after" "$hog") - $(cpu_of "$before" "$hog")) * 10 / elapsed))
  rate=$(echo "$first $last" | awk '{ print int(($5 - $2) * 1e12 / ($6 - $3)) }')
}

step alone
take
alone=$rate
measured alone-share "$share" "of 10000"
measured alone-rate "$rate" "units per 1000 s"
[ "$share" -ge 9000 ] || bad "alone it has $share of 10000"

# judge NAME DUE: at most 4% below its due, which is 1/DUE.
judge() {
  local due=$((10000 / $2)) lost
  lost=$((10000 - share * 10000 / due))
  measured "$1-share" "$share" "of 10000 (due $due)"
  measured "$1-share-lost" "$lost" "of 10000"
  measured "$1-work-lost" $((10000 - rate * $2 * 10000 / alone)) "of 10000"
  [ "$lost" -le 400 ] || bad "beside $1 its share is $share of 10000, due are $due"
}

for hog in $hogs; do
  step "beside-$hog"
  create "hog-$hog" || continue
  pin "hog-$hog" "$cpu"
  until_true 120 grep -q "MARTLET-GUEST hog-$hog: up" "$(log_of "hog-$hog")" || bad "hog-$hog does not come up"
  take "hog-$hog"
  judge "$hog" 2
  measured "$hog-hog-share" "$taken" "of 10000"
  # A neighbour that has ended proves nothing. Those that wait for devices take what these let them have.
  case $hog in cpu | fork | memory) [ "$taken" -ge 2000 ] || bad "hog-$hog has only used $taken of 10000" ;; esac
  xl destroy "hog-$hog"
done

step beside-all
for hog in $hogs; do create "hog-$hog" && pin "hog-$hog" "$cpu"; done
for hog in $hogs; do
  until_true 240 grep -q "MARTLET-GUEST hog-$hog: up" "$(log_of "hog-$hog")" || bad "hog-$hog does not come up"
done
take
judge all 6
xl list

step destroy
destroy_all
[ "$(xl list | wc -l)" = 2 ] || bad "guests are left: $(xl list)"
end_flow
