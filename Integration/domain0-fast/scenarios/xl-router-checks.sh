# SPDX-License-Identifier: Apache-2.0
# The checks of `./martlet test --part router` in Domain 0, with its kernel, its nft and the scripts where xl finds them.
. /scenarios/flow-common
step router-test
/router/router-test / /etc/xen/scripts /bin/frame >/tmp/router.log 2>&1
status=$?
grep -v '^PASS' /tmp/router.log
[ "$status" = 0 ] || bad "router-test ended with $status: $(grep -m 1 -E '^(FAIL|SKIP)' /tmp/router.log)"
end_flow
