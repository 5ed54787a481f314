# SPDX-License-Identifier: Apache-2.0
# What `./martlet run --fast` does, on the processor that the flow's row names: two guests that xl creates, up and on the network.
. /scenarios/flow-common
require_hypervisor

step create
create guest1
create guest2

step up
for name in guest1 guest2; do
  until_true 180 grep -q "^MARTLET-GUEST $name: up" "$(log_of "$name")" && continue
  tail -n 20 "$(log_of "$name")"
  bad "$name is not up: $(tail -n 1 "$(log_of "$name")" | tr -d '\r')"
done

step network
for name in guest1 guest2; do
  until_true 60 ping -c 1 -W 1 "$name" || bad "$name does not answer"
done

step destroy
destroy_all
for name in guest1 guest2; do until_true 20 is_gone "$name" || bad "$name is $(state "$name")"; done

end_flow
