# SPDX-License-Identifier: Apache-2.0
# Domain 0's clock and a guest's against the clock of the host that emulates the machine, over martlet.seconds=N; the guest is
# saved and restored in between. Both have to keep within 50 ppm, and nobody sets them.
. /scenarios/flow-common
require_hypervisor
seconds=$(setting seconds 60)

# micros TIME: seconds with six to nine decimals as microseconds.
micros() {
  local whole=${1%.*} part=${1#*.}
  echo $((whole * 1000000 + 10#${part:0:6}))
}

# ahead FD REQUEST: how many microseconds the clock that answers REQUEST on FD is ahead of ours, by the narrowest of many
# readings; how wide that was.
ahead() {
  local fd=$1 before after answer width best=1000000000 value=0
  for _ in $(seq 60); do
    before=${EPOCHREALTIME/./}
    echo "$2" >&"$fd"
    read -r -t 10 answer _ <&"$fd" || return 1
    after=${EPOCHREALTIME/./}
    width=$((after - before))
    if [ "$width" -lt "$best" ]; then best=$width value=$(($(micros "$answer") - (before + after) / 2)); fi
  done
  echo "$value $best"
}

# ppm CHANGE TIME: tenths of a part in a million, rounded away from zero.
ppm() { awk -v change="$1" -v time="$2" 'BEGIN { printf "%.1f", change / time * 1e6 }'; }
within() { awk -v value="$1" -v most="$2" 'BEGIN { exit !(value <= most && value >= -most) }'; }

# connect_guest: its shell on descriptor 4.
connect_guest() { until_true 60 eval 'exec 4<>/dev/tcp/ticking/23' || bad "no connection to the guest"; }

# wait_half NAME: half of the time, in steps of half a minute: who says nothing for long counts as hung.
wait_half() {
  for number in $(seq $((seconds / 60))); do
    step "$1-$number"
    sleep 30
  done
}

# through_file: the guest is saved and restored, and connected to again.
through_file() {
  xl save ticking /tmp/saved >/tmp/save.log 2>&1 || bad "xl save: $(tail -n 1 /tmp/save.log)"
  sleep 5
  xl restore /tmp/saved >/tmp/save.log 2>&1 || bad "xl restore: $(tail -n 1 /tmp/save.log)"
  answers ticking
  connect_guest
}

step host
exec 3<>/dev/tcp/10.0.2.100/13 || bad "the host's clock does not answer"
linux_guest ticking 35
create ticking && answers ticking
# Until Linux has its clock it counts ticks, and misses those for which it did not run; it reads the wall clock again when it
# is restored. So it is restored once before it is measured (without that Xen's guest is 80 ms behind and is put right, too).
through_file
read -r host0 width0 <<<"$(ahead 3 time)"
read -r guest0 guestwidth0 <<<"$(ahead 4 'work clock')"
started=${EPOCHREALTIME/./}
echo "to the host $host0 us within $width0, to the guest $guest0 us within $guestwidth0"

wait_half first-half
read -r guest1 guestwidth1 <<<"$(ahead 4 'work clock')"
halfway=${EPOCHREALTIME/./}
exec 4<&- 4>&-

step save-restore
through_file
read -r guest2 guestwidth2 <<<"$(ahead 4 'work clock')"

wait_half second-half
read -r host3 width3 <<<"$(ahead 3 time)"
read -r guest3 guestwidth3 <<<"$(ahead 4 'work clock')"
ended=${EPOCHREALTIME/./}
echo "to the host $host3 us within $width3, to the guest $guest1, $guest2, $guest3 us within $guestwidth1, $guestwidth2, $guestwidth3"

step rates
time=$((ended - started))
own=$(ppm $((host0 - host3)) "$time")
measured domain0 "$own" ppm
within "$own" 50 || bad "Domain 0's clock is $own ppm off the host's"
# The guest against the host: what it gained on Domain 0, and what that gained.
before=$(ppm $((guest1 - guest0 + (host0 - host3) * (halfway - started) / time)) $((halfway - started)))
all=$(ppm $((guest3 - guest0 + host0 - host3)) "$time")
measured guest-before-save "$before" ppm
measured guest "$all" ppm
within "$before" 50 || bad "the guest's clock is $before ppm off the host's before it is saved"
within "$all" 50 || bad "the guest's clock is $all ppm off the host's through save and restore"
xl destroy ticking
end_flow
