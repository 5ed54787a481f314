# SPDX-License-Identifier: Apache-2.0
# A small guest is created and ends again and again, by `xl destroy` and by itself in turn, and after each time there are as
# many free pages as before. martlet.cycles=N says how often.
. /scenarios/flow-common
require_hypervisor
cycles=$(setting cycles 60)

step warm-up
# The first guest makes the tools and Domain 0's kernel take what they then keep.
small_guest small
small_guest brief
sed -i "s/^on_.*/on_poweroff = \"destroy\"/; \$ a on_crash = \"destroy\"" /etc/xen/brief.cfg
create small -q && xl destroy small || bad "xl destroy"
until_true 100 is_gone small || bad "small is $(state small)"
start=$(settled_balance)

step cycles
slowest=0 begin=$EPOCHREALTIME
for ((cycle = 1; cycle <= cycles; cycle++)); do
  # In turn: destroyed before it has run at all; ended by itself, and taken away by the xl that stays in the background.
  if [ $((cycle % 2)) = 0 ]; then
    create brief -q || break
    until_true 100 has_balance "$start"
  else
    create small -qp && xl destroy small || { bad "xl destroy in cycle $cycle"; break; }
  fi
  has_balance "$start" || balanced "$start"
  [ -z "$reason" ] || { bad "cycle $cycle"; break; }
  [ $((cycle % 20)) != 0 ] || echo "MARTLET-FLOW $flow cycle $cycle of $cycles ($(since "$begin") s)"
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
