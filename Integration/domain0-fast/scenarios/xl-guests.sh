# SPDX-License-Identifier: Apache-2.0
# Guests that are not the small Linux guest with the stock kernel: Debian's cloud kernel, a kernel compressed with zstd, GRUB as
# Debian ships it for guests, which loads a kernel from the guest's own disk, and GNU Mach. docs/guests-under-xl.md says what each
# of them does under Debian's Xen.
. /scenarios/flow-common
require_hypervisor

# says NAME SECONDS TEXT: the guest's console has the text before long.
says() {
  until_true "$2" grep -q -a -F -- "$3" "$(log_of "$1")" && return 0
  tail -n 20 "$(log_of "$1")"
  bad "$1 has not said '$3' but: $(tail -n 1 "$(log_of "$1")" | tr -d '\r')"
  return 1
}

step gnu-mach
# Debian's GNU Mach writes into a live level 2 table itself. Martlet does such writes for the guest, and GNU Mach gets as far as it
# can without a program to start; Debian's Xen does so for level 1 tables only, so that there it ends before it has a console.
# Its shutdown is by the oldest call, whose reason is the low byte of an address.
cat >/etc/xen/mach.cfg <<'END'
name = "mach"
kernel = "/guests/gnumach.gz"
memory = 64
END
# Once for nothing, as the first guest makes the tools and backends take memory that they keep.
xl create -e /etc/xen/mach.cfg >/dev/null 2>&1 && xl destroy mach
until_true 20 is_gone mach
sleep 1
before=$(balance)
# -e: nobody waits for it, so that it can be looked at when it has shut down.
xl create -e /etc/xen/mach.cfg >/tmp/create.log 2>&1 || bad "xl create: $(tail -n 1 /tmp/create.log)"
has_shut_down() { [[ $(state mach) == ???s* ]]; }
until_true 60 has_shut_down || bad "it is $(state mach)"
if grep -q martlet /sys/hypervisor/version/extra; then
  says mach 20 'No bootstrap code loaded with the kernel'
else
  flags=$(domain mach flags)
  [ "$(((0x$flags >> 16) & 255))" = 252 ] || bad "its flags are $flags: the reason is not 252"
  [ ! -s "$(log_of mach)" ] || bad "it has said something: $(head -n 1 "$(log_of mach)")"
fi
xl destroy mach || bad "xl destroy"
balanced "$before"

step tsc-mode
# A GuestKit guest looks whether all ways to read the counter agree, and whether it is emulated as wanted.
for mode in default/0 native/0 always_emulate/1; do
  small_guest counter
  echo "tsc_mode = \"${mode%/*}\"
extra = \"test=tsc-mode emulated=${mode#*/}\"" >>/etc/xen/counter.cfg
  create counter && says counter 60 'GUEST tsc-mode: PASS'
  xl destroy counter
done

step own-disk
# A disk as an installation makes it: a file system with GRUB's configuration, a kernel and an initrd.
modprobe ext4
truncate -s 40M /tmp/own.img
mke2fs -F /tmp/own.img >/dev/null 2>&1
mkdir -p /tmp/own && mount -t ext4 -o loop /tmp/own.img /tmp/own || bad "no file system for the disk"
mkdir -p /tmp/own/boot/grub
cp /guests/vmlinuz /guests/initrd /tmp/own/boot/
cat >/tmp/own/boot/grub/grub.cfg <<'END'
set timeout=1
menuentry "Debian of its own" {
  linux /boot/vmlinuz console=hvc0 martlet.name=grubbed martlet.run=cat,/proc/cmdline
  initrd /boot/initrd
}
END
umount /tmp/own
cat >/etc/xen/grubbed.cfg <<'END'
name = "grubbed"
kernel = "/guests/grub-x86_64-xen.bin"
memory = 128
disk = [ "/tmp/own.img,raw,xvda,rw" ]
on_crash = "preserve"
END
create grubbed
says grubbed 60 'Debian of its own'

step start-linux-guests
linux_guest cloudy 61
kernel=stock linux_guest zstandard 62 'kernel = "/guests/vmlinuz-zstd"'
create cloudy
create zstandard

step cloud-kernel
answers cloudy 120 && on cloudy 'uname -r' | grep -q -- -cloud- || bad "its kernel is not the cloud kernel"

step zstd-kernel
answers zstandard 120

step kernel-from-own-disk
says grubbed 120 'MARTLET-GUEST grubbed: up' && says grubbed 20 'martlet.name=grubbed martlet.run=cat'

step destroy
for name in cloudy zstandard grubbed; do xl destroy "$name" || bad "xl destroy $name"; done
balanced "$before"

step kernel-log
require_quiet_kernel_log
end_flow
