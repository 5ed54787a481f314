# SPDX-License-Identifier: Apache-2.0
# How long `xl create` of a Linux guest takes, to its own end and to the guest's first line on the console; five times each
# with Debian's kernel for virtual machines and with the stock one (whose compression is the tools' work).
. /scenarios/flow-common
require_hypervisor
times=$(setting times 5)
for kind in small stock; do
  step "$kind"
  kernel=$kind linux_guest timed 71 'memory = 128'
  for ((time = 0; time <= times; time++)); do
    rm -f "$(log_of timed)"
    line=$(timed-console "$(log_of timed)" xl create -q /etc/xen/timed.cfg) || bad "$line"
    # The first one warms up.
    if [ $time -gt 0 ]; then
      measured "$kind-created" "$(echo "$line" | sed -n 's/.*command=\([0-9.]*\).*/\1/p')" ms
      measured "$kind-first-line" "$(echo "$line" | sed -n 's/.*line=\([0-9.]*\).*/\1/p')" ms
    fi
    xl destroy timed || bad "xl destroy"
    until_true 20 is_gone timed || bad "timed is $(state timed)"
  done
done
end_flow
