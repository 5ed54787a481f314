# SPDX-License-Identifier: Apache-2.0
# `xl create` is killed at every stage: just before each of its requests to the hypervisor that is of another kind than the one
# before, and the remains are destroyed. Nothing may be lost. With martlet.every=N, before every Nth request besides.
. /scenarios/flow-common
require_hypervisor
every=$(setting every 0)
small_guest small

# remains: the numbers of all domains but Domain 0.
remains() { hypervisor-state | sed -n 's/^domain \([1-9][0-9]*\) .*/\1/p'; }

# clear: destroys what is left, as a person would.
clear() {
  local number
  for number in $(remains); do xl destroy "$number" >/tmp/destroy.log 2>&1 || cat /tmp/destroy.log; done
  until_true 100 eval '[ -z "$(remains)" ]' || bad "domain $(remains) is left: $(cat /tmp/destroy.log)"
}

step trace
kill-at trace xl create -qe /etc/xen/small.cfg >/tmp/trace || bad "xl create under trace"
clear
requests=$(grep -c ^REQUEST /tmp/trace)
awk '/^REQUEST/ { count[$3]++ } END { for (kind in count) print "kind " kind " " count[kind] }' /tmp/trace
measured requests "$requests" requests
[ "$requests" -gt 20 ] || bad "xl create made only $requests requests"
start=$(settled_balance)

# Where the kind changes to one that was not seen yet; then the first after each such run; then every Nth.
stages=$(awk -v every="$every" '/^REQUEST/ {
  if (!seen[$3]++ || (last != $3 && changes[last $3]++ < 1) || (every && $2 % every == 0)) print $2
  last = $3
}' /tmp/trace)
measured stages "$(echo "$stages" | wc -l)" stages

for stage in $stages; do
  kind=$(sed -n "s/^REQUEST $stage \([^ ]*\) .*/\1/p" /tmp/trace)
  step "killed-before-$stage-$kind"
  # The count may be shorter by a few when xenstore is quicker; an end before the stage is no failure, but is told.
  kill-at "$stage" xl create -qe /etc/xen/small.cfg || echo "xl create ended before request $stage"
  clear
  balanced "$start"
done

step "still-works"
create small && xl destroy small || bad "xl destroy"
balanced "$start"
end_flow
