# SPDX-License-Identifier: Apache-2.0
# Runs the commands of xl that a person manages guests with, for a comparison of their words on two hypervisors. Each line of
# output is marked, so that what the hypervisor itself writes to the same serial port can be told apart:
#   TRANSCRIPT $ COMMAND     TRANSCRIPT | OUTPUT     TRANSCRIPT = STATUS
. /scenarios/flow-common
require_hypervisor

# show COMMAND: runs and tells.
show() {
  echo "TRANSCRIPT \$ $*"
  bash -c "$*" >/tmp/output 2>&1 </dev/null
  local status=$?
  sed 's/^/TRANSCRIPT | /' /tmp/output
  echo "TRANSCRIPT = $status"
}

# settle COMMAND: what has to become true before the next command, not shown.
settle() { until_true 60 eval "$*" || echo "TRANSCRIPT | (not within 60 s: $*)"; }

step transcript
run='' linux_guest alpha 31 'memory = 128' 'maxmem = 160' 'vcpus = 2'
linux_guest beta 32

show xl info
show xl info -n
show xl list
show xl create /etc/xen/alpha.cfg
show xl create -p /etc/xen/beta.cfg
answers alpha
show xl list
show xl list -v
show xl unpause beta
answers beta
show xl vcpu-list
show xl pause alpha
show xl list alpha
show xl unpause alpha
show xl domid alpha
show xl domname 1
show xl rename beta gamma
show xl list gamma
show xl rename gamma beta
show xl vcpu-pin alpha 0 0
show xl vcpu-pin alpha 1 0 all
show xl vcpu-list alpha
show xl vcpu-set alpha 1
settle '! on alpha grep -q 1 /sys/devices/system/cpu/online'
show xl vcpu-list alpha
show xl vcpu-set alpha 2
show xl mem-set alpha 112
settle '[ "$(xl list alpha | awk "NR == 2 { print \$3 }")" -le 112 ]'
show xl list alpha
show xl mem-set alpha 128
show xl mem-max alpha 192
show xl mem-set Domain-0 500
settle '[ "$(xl list 0 | awk "NR == 2 { print \$3 }")" -le 500 ]'
show xl list Domain-0
show xl mem-set Domain-0 512
show xl sched-credit2
show xl sched-credit2 -s
show xl sched-credit2 -d alpha -w 512 -c 50
show xl sched-credit2 -d alpha
show xl sched-credit2 -d alpha -w 256 -c 0
show xl sched-credit -d alpha
show xl cpupool-list
show xl cpupool-list -c
show xl claims
show xl uptime
show xl trigger alpha nmi
show xl trigger alpha s3resume
show xl sysrq alpha h
show xl debug-keys h
show "xl dmesg | tail -n 5"
show xl dmesg -c '>' /dev/null
show xl dmesg
show xentop -b -i 1
show xl top -b -i 1
show xl network-list alpha
show xl block-list alpha
show xl console -t pv nobody
show xl reboot alpha
settle '[ "$(xl domid alpha)" -gt 2 ]'
answers alpha
show xl list
show xl shutdown -w alpha
show xl list alpha
on_limit=5 on beta 'echo c >/proc/sysrq-trigger'
settle 'xl list beta | grep -q "c- "'
show xl list beta
show xl destroy beta
show xl list
show xl destroy nobody
show xl destroy 0
show xl pause 99
show xl create /etc/xen/none.cfg
sed 's/^memory.*/memory = 100000/' /etc/xen/beta.cfg >/etc/xen/huge.cfg
show xl create -q /etc/xen/huge.cfg
show xenpm get-cpu-topology
show xenpm get-cpuidle-states 0
show xenpm get-cpufreq-para 0
show xen-diag gnttab_query_size 0
show xl get-loglvl
show xl hypfs-cat /buildinfo/version/major
end_flow
