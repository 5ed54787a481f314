# SPDX-License-Identifier: Apache-2.0
# Every command of xl that a person manages guests with, on two Linux guests; what it did is then looked at from inside the
# guest or in the hypervisor's own account, not only in xl's words.
. /scenarios/flow-common
require_hypervisor

step first-guest
# What Domain 0 and its backends need once and for all they take with the first guest.
words=earlyprintk=xen linux_guest first 30
create first && answers first
number=$(xl domid first)
xl destroy first || bad "xl destroy"
until_true 100 is_gone first
start=$(settled_balance)

step boot-options
# The flow's machine has dom0_vcpus_pin, gnttab_max_frames=48, and words for Domain 0 after `--`; one that a person starts has not.
if [ -n "$(setting boot-options)" ]; then
  xl vcpu-list Domain-0 | awk 'NR > 1 && $(NF - 2) != $3 { exit 1 }' || bad "Domain 0 is not pinned: $(xl vcpu-list Domain-0)"
  grep -q ' martlet.appended=one two$' /proc/cmdline || bad "Domain 0's command line is $(cat /proc/cmdline)"
  xen-diag gnttab_query_size 0 | grep -q 'max_nr_frames=48' || bad "$(xen-diag gnttab_query_size 0)"
  small_guest greedy
  echo 'max_grant_frames = 49' >>/etc/xen/greedy.cfg
  xl create /etc/xen/greedy.cfg 2>/dev/null && bad "a guest may have more grant frames than the machine allows"
  is_gone greedy || bad "greedy is there"
fi

step early-console
# What guests write to the machine's console before they have one of their own: guest_loglvl=all shows it, printable, by lines.
if [ -n "$(setting boot-options)" ]; then
  xl dmesg >/tmp/dmesg
  grep -q "^(d$number) .*Linux version" /tmp/dmesg || bad "earlyprintk=xen is not shown: $(grep -c "^(d$number)" /tmp/dmesg) lines"
  small_guest early
  sed -i 's/test=list/test=console-early/' /etc/xen/early.cfg
  create early
  number=$(xl domid early)
  has_ended() { [[ $(state early) == ???s* ]]; }
  until_true 20 has_ended || bad "it is $(state early)"
  grep -q 'GUEST console-early: PASS' "$(log_of early)" || bad "it says: $(tail -n 1 "$(log_of early)")"
  xl dmesg | grep "^(d$number)" >/tmp/lines
  printf "(d$number) early %s\n" 'one, early [2Jtwo' three tail | cmp - /tmp/lines || bad "shown is: $(cat /tmp/lines)"
  xl destroy early || bad "xl destroy early"
fi

step create
linux_guest alpha 31 'memory = 128' 'maxmem = 160' 'vcpus = 2' 'on_crash = "destroy"'
linux_guest beta 32 'on_crash = "restart"'
create alpha
create beta
answers alpha
answers beta

step list
xl list
[ "$(xl list | wc -l)" = 4 ] || bad "xl list has $(xl list | wc -l) lines"
[ "$(xl list alpha | awk 'NR == 2 { print $3, $4 }')" = "128 2" ] || bad "$(xl list alpha)"
xl list -l alpha | grep -q '"name": "alpha"' || bad "xl list -l does not name alpha"
[ "$(domain alpha pages)" -ge $((128 * 256)) ] || bad "alpha has $(domain alpha pages) pages"

step domid-domname
number=$(xl domid alpha)
[ "$(xl domname "$number")" = alpha ] || bad "xl domname $number says $(xl domname "$number")"
xl domid nobody && bad "there is a domain nobody"

step console
# xl console is this program, and types only what comes from a terminal unless it is told to be interactive.
mkfifo /tmp/keys
/usr/lib/xen-4.17/bin/xenconsole "$(xl domid alpha)" --num 0 --type pv --interactive </tmp/keys >/tmp/console &
console=$!
exec 4>/tmp/keys
# Once may be too early: the guest's shell may not listen yet.
summed() { echo 'echo sum-$((40+2))' >&4; sleep 1; grep -q '^sum-42' /tmp/console; }
until_true 100 summed
exec 4>&-
kill "$console"
wait "$console"
grep -q '^sum-42' /tmp/console || bad "the console showed: $(tail -n 3 /tmp/console)"
grep -q 'MARTLET-GUEST alpha: up' "$(log_of alpha)" || bad "xenconsoled has not logged the guest's first words"
# The hypervisor tells guests the time of day: what alpha thought it was when it came up, against what it is now.
clock=$(sed -n 's/.*MARTLET-GUEST alpha: up.* clock \([0-9]*\).*/\1/p' "$(log_of alpha)" | head -n 1)
apart=$(($(date +%s) - ${clock:-0}))
[ "${apart#-}" -lt 600 ] || bad "alpha's clock is $apart s behind Domain 0's"

step ping
ping -c 3 -W 2 alpha || bad "alpha does not answer Domain 0"
on alpha ping -c 3 -W 2 192.168.77.32 || bad "alpha does not reach beta"
on beta ping -c 3 -W 2 192.168.77.31 || bad "beta does not reach alpha"
on beta ping -c 1 -W 2 192.168.77.1 || bad "beta does not reach Domain 0"

step uptime
xl uptime alpha | grep -q 'alpha .*[0-9]:[0-9][0-9]' || bad "$(xl uptime alpha)"

step pause
xl pause alpha || bad "xl pause"
case $(state alpha) in *p*) ;; *) bad "state $(state alpha) after pause" ;; esac
used=$(domain alpha cpu)
ping -c 1 -W 2 alpha && bad "a paused guest answers"
[ "$(domain alpha cpu)" = "$used" ] || bad "a paused guest uses CPU time"
xl unpause alpha || bad "xl unpause"
answers alpha

step vcpu-list
xl vcpu-list
[ "$(xl vcpu-list alpha | wc -l)" = 3 ] || bad "alpha has other vCPUs: $(xl vcpu-list alpha)"

step vcpu-set
xl vcpu-set alpha 1 || bad "xl vcpu-set alpha 1"
one_online() { [ "$(on alpha cat /sys/devices/system/cpu/online)" = "$1" ]; }
until_true 100 one_online 0 || bad "online are $(on alpha cat /sys/devices/system/cpu/online)"
xl vcpu-list alpha | awk '$3 == 1' | grep -q -- '--p' || bad "vCPU 1 is not offline in $(xl vcpu-list alpha)"
xl vcpu-set --ignore-host alpha 2 || bad "xl vcpu-set alpha 2"
# Linux makes the vCPU present again; bringing it online is for the guest's own administrator where udev does not.
until_true 100 on alpha 'echo 1 >/sys/devices/system/cpu/cpu1/online || grep -q 1 /sys/devices/system/cpu/cpu1/online'
until_true 100 one_online 0-1 || bad "online are $(on alpha cat /sys/devices/system/cpu/online)"

step vcpu-pin
last=$(($(xl info | sed -n 's/^nr_cpus *: *//p') - 1))
xl vcpu-pin alpha 0 "$last" || bad "xl vcpu-pin"
# On a machine of one CPU that is all of them.
pinned=$last lowest=0
[ "$last" != 0 ] || pinned=all lowest=all
on alpha 'taskset 1 timeout 1 work hog cpu'
[ "$(xl vcpu-list alpha | awk '$3 == 0 { print $4, $(NF - 2) }')" = "$last $pinned" ] || bad "$(xl vcpu-list alpha)"
xl vcpu-pin alpha all all || bad "xl vcpu-pin all all"
xl vcpu-list alpha | awk '$3 == 0 { print $(NF - 2), $(NF - 1), $NF }' | grep -q 'all / all' || bad "$(xl vcpu-list alpha)"
xl vcpu-pin alpha 0 - 0 || bad "xl vcpu-pin (soft)"
xl vcpu-list alpha | awk '$3 == 0 { print $(NF - 2), $(NF - 1), $NF }' | grep -q "all / $lowest" || bad "$(xl vcpu-list alpha)"

step mem-set
free=$(memory free)
xl mem-set alpha 100 || bad "xl mem-set alpha 100"
smaller() { [ "$(domain alpha pages)" -le $((101 * 256)) ]; }
until_true 100 smaller || bad "alpha still has $(domain alpha pages) pages"
[ "$(memory free)" -ge $((free + 26 * 256)) ] || bad "free pages went from $free to $(memory free)"
xl mem-set alpha 150 || bad "xl mem-set alpha 150"
larger() { [ "$(domain alpha pages)" -ge $((149 * 256)) ]; }
until_true 100 larger || bad "alpha has no more than $(domain alpha pages) pages"
on alpha 'dd if=/dev/zero of=/tmp/file bs=1M count=24 2>/dev/null && rm /tmp/file' || bad "alpha cannot use its memory"

step mem-max
xl mem-max alpha 200 || bad "xl mem-max"
[ "$(domain alpha maximum)" -ge $((200 * 256)) ] || bad "the maximum is $(domain alpha maximum) pages"
xl mem-max alpha 8 && [ "$(domain alpha pages)" -lt $((100 * 256)) ] && bad "mem-max took memory away"
xl mem-max alpha 160

step mem-set-domain0
before=$(domain Domain-0 pages) free=$(memory free)
target=$(($before / 256 - 64))
xl mem-set Domain-0 "$target" || bad "xl mem-set Domain-0 $target"
until_true 100 eval "[ \$(domain Domain-0 pages) -le $((target * 256)) ]" || bad "Domain 0 has $(domain Domain-0 pages) pages, not $((target * 256))"
[ "$(memory free)" -ge $((free + 62 * 256)) ] || bad "free pages went from $free to $(memory free)"
xl mem-set Domain-0 $((target + 64)) || bad "xl mem-set Domain-0 $((target + 64))"
until_true 100 eval "[ \$(domain Domain-0 pages) -ge $(((target + 63) * 256)) ]" || bad "Domain 0 got back $(domain Domain-0 pages) of $before pages"

step sched-credit2
xl sched-credit2 -d alpha -w 512 || bad "xl sched-credit2 -w"
xl sched-credit2 -d alpha -c 40 || bad "xl sched-credit2 -c"
xl sched-credit2 -d alpha
[ "$(xl sched-credit2 -d alpha | awk '$1 == "alpha" { print $3, $4 }')" = "512 40" ] || bad "$(xl sched-credit2 -d alpha)"
xl sched-credit2 -d alpha -w 256 -c 0 || bad "xl sched-credit2 back"
xl sched-credit2 -s >/dev/null || bad "xl sched-credit2 -s"

step cpupool-list
xl cpupool-list
[ "$(xl cpupool-list | awk '$1 == "Pool-0" { print $2 }')" = $((last + 1)) ] || bad "$(xl cpupool-list)"
xl cpupool-list -c | grep -q 'Pool-0.*0' || bad "$(xl cpupool-list -c)"

step rename
xl rename beta gamma || bad "xl rename"
[ "$(xl domname "$(xl domid gamma)")" = gamma ] || bad "gamma is not its name"
xl domid beta && bad "beta is still a name"
xl rename gamma beta || bad "xl rename back"

step trigger
nmis() { on alpha 'grep NMI: /proc/interrupts' | awk '{ print $2 }'; }
before=$(nmis)
xl trigger alpha nmi 0 || bad "xl trigger nmi"
until_true 100 eval "[ \$(nmis) -gt $before ]" || bad "alpha has seen $before NMIs, then $(nmis)"

step sysrq
xl sysrq alpha s || bad "xl sysrq"
until_true 100 grep -q 'sysrq: Emergency Sync' "$(log_of alpha)" || bad "alpha has not heard"

step debug-keys
xl debug-keys h || bad "xl debug-keys"
xl dmesg | grep -q "'h' pressed" || bad "xl dmesg does not show it"
# xenconsoled follows the ring.
until_true 100 grep -q "'h' pressed" /var/log/xen/console/hypervisor.log || bad "hypervisor.log has not heard of it"
xl dmesg -c >/dev/null || bad "xl dmesg -c"
[ "$(xl dmesg | wc -l)" -lt 5 ] || bad "xl dmesg -c left $(xl dmesg | wc -l) lines"

step info
xl info | tee /tmp/info
for field in host release version machine nr_cpus max_cpu_id nr_nodes cores_per_socket threads_per_core cpu_mhz hw_caps \
  virt_caps total_memory free_memory free_cpus xen_major xen_minor xen_extra xen_version xen_caps xen_scheduler \
  xen_pagesize platform_params xen_changeset xen_commandline cc_compiler cc_compile_date xend_config_format; do
  grep -q "^$field *: " /tmp/info || bad "xl info does not say $field"
done
xl info -n | grep -q '^numa_info' || bad "xl info -n"
[ "$(($(memory free) / 256 - $(xl info free_memory)))" -le 1 ] || bad "free_memory is $(xl info free_memory) MiB of $(memory free) pages"

step claims
xl claims
xl claims | awk '$1 == "alpha" && $NF != 0 { exit 1 }' || bad "$(xl claims)"

step top
xentop -b -i 1
xentop -b -i 1 | grep -q '^ *alpha' || bad "xentop does not show alpha"
xentop -b -i 1 -v -n -x | grep -q 'VCPUs(sec)' || bad "xentop -v does not show vCPUs"

step reboot
number=$(xl domid alpha)
xl reboot alpha || bad "xl reboot"
renewed() { [ "$(xl domid alpha)" -gt "$number" ]; }
until_true 200 renewed || bad "alpha has not got a new number: $(xl list)"
answers alpha

step save-restore
linux_guest saved 34 'memory = 80' 'vcpus = 2'
create saved
answers saved
on saved 'echo kept >/tmp/mark'
# A checkpoint leaves it running.
xl save -c saved /tmp/saved >/tmp/save.log 2>&1 || bad "xl save -c: $(tail -n 1 /tmp/save.log)"
answers saved
on saved 'echo more >>/tmp/mark'
number=$(xl domid saved)
xl save saved /tmp/saved >/tmp/save.log 2>&1 || bad "xl save: $(tail -n 1 /tmp/save.log)"
is_gone saved || bad "saved is $(state saved)"
xl restore /tmp/saved >/tmp/save.log 2>&1 || bad "xl restore: $(tail -n 1 /tmp/save.log)"
rm -f /tmp/saved
answers saved
[ "$(xl domid saved)" -gt "$number" ] || bad "it is still domain $number"
[ "$(on saved cat /tmp/mark)" = "$(printf 'kept\nmore')" ] || bad "it remembers: $(on saved cat /tmp/mark)"
[ "$(on saved cat /sys/devices/system/cpu/online)" = 0-1 ] || bad "online are $(on saved cat /sys/devices/system/cpu/online)"
on saved 'taskset 2 timeout 1 work hog cpu'
[ "$(xl vcpu-list saved | awk '$3 == 1 && $(NF - 3) > 0.5')" ] || bad "vCPU 1 did not run: $(xl vcpu-list saved)"
xl destroy saved || bad "xl destroy saved"

step shutdown
xl shutdown -w alpha || bad "xl shutdown -w"
until_true 200 is_gone alpha || bad "alpha is $(state alpha)"

step crash-restart
number=$(xl domid beta)
on_limit=30 on beta 'echo c >/proc/sysrq-trigger' >/dev/null 2>&1 </dev/null &
crasher=$!
until_true 200 eval "[ \"\$(xl domid beta)\" -gt $number ]" || bad "beta was not restarted: $(xl list)"
end_job "$crasher"
answers beta

step destroy
xl destroy beta || bad "xl destroy"
is_gone beta || bad "beta is $(state beta)"
[ "$(xl list | wc -l)" = 2 ] || bad "guests are left: $(xl list)"
xenstore-ls /local/domain | grep -q '^ [1-9]' && bad "xenstore keeps $(xenstore-ls /local/domain | grep '^ *[1-9]')"

step crash-preserve
# Debian's stock kernel this time, and no network: nothing but its console tells that it is there.
kernel=stock run='echo,c>/proc/sysrq-trigger' linux_guest delta 33 'vif = []'
create delta
until_true 200 eval '[ "$(state delta)" = ---sc- ] || [ "$(state delta)" = ----c- ]' || bad "delta is $(state delta)"
xl destroy delta || bad "xl destroy delta"

step memory-balance
balanced "$start"

step failures
# What must fail says so, and changes nothing.
xl pause nobody && bad "xl pause nobody"
xl destroy 0 && bad "Domain 0 was destroyed"
xl create /etc/xen/none.cfg && bad "xl create without a file"
sed 's/^memory.*/memory = 100000/' /etc/xen/beta.cfg >/etc/xen/huge.cfg
xl create /etc/xen/huge.cfg && bad "a guest of 100 GB was created"
# What xl has mapped of it goes with xl, and the domain with that.
until_true 100 eval '[ "$(xl list | wc -l)" = 2 ]' || bad "guests are left: $(xl list)"
balanced "$start"

step kernel-log
require_quiet_kernel_log
end_flow
