# SPDX-License-Identifier: Apache-2.0
# A small guest is created and destroyed again and again, every other one without having run, and after each time there are
# as many free pages as before. martlet.cycles=N says how often.
. /scenarios/flow-common
require_hypervisor
cycles=$(setting cycles 200)

step warm-up
# The first guest makes the tools and Domain 0's kernel take what they then keep.
small_guest small
create small -q && xl destroy small || bad "xl destroy"
until_true 20 is_gone small || bad "small is $(state small)"
sleep 1
start=$(balance)

step cycles
slowest=0 begin=$EPOCHREALTIME
for ((cycle = 1; cycle <= cycles; cycle++)); do
  option=-q
  [ $((cycle % 2)) = 0 ] || option=-qp
  create small "$option" || break
  xl destroy small || { bad "xl destroy in cycle $cycle"; break; }
  has_balance "$start" || balanced "$start"
  [ -z "$reason" ] || { bad "cycle $cycle"; break; }
  [ $((cycle % 20)) != 0 ] || echo "cycle $cycle, $(since "$begin") s"
done
measured cycles $((cycle - 1)) times
measured cycle "$(echo "scale=2; $(since "$begin") / $cycles" | bc)" s

step afterwards
[ "$(xl list | wc -l)" = 2 ] || bad "guests are left: $(xl list)"
for place in /local/domain /vm /libxl; do
  left=$(xenstore-list "$place" 2>/dev/null | grep -v -e '^0$' -e '^0000' | wc -l)
  [ "$left" = 0 ] || bad "xenstore keeps $left entries in $place"
done
balanced "$start"
require_quiet_kernel_log
end_flow
