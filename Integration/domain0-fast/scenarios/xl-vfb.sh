# SPDX-License-Identifier: Apache-2.0
# A guest with a PV framebuffer and keyboard: xl starts Debian's device model (xen-qemu-system-i386 -machine xenpv), which is their
# backend and serves VNC. Debian's stock kernel has both frontends built in (the one for virtual machines has no keyboard) and puts
# its text console on the framebuffer.
. /scenarios/flow-common
require_hypervisor

step create
[ -x /usr/libexec/xen-qemu-system-i386 ] || bad "this Domain 0 has no device model"
kernel=stock words='console=tty0' linux_guest screen 73 'memory = 128' 'vfb = [ "vnc=1,vnclisten=127.0.0.1" ]'
# The kernel's console is the last one named: its messages go to both, the shell to hvc0.
sed -i 's/console=hvc0 \(.*\) console=tty0/console=tty0 console=hvc0 \1/' /etc/xen/screen.cfg
create screen
answers screen 120

step backends-are-connected
id=$(xl domid screen)
for kind in vfb vkbd; do
  until_true 30 eval "[ \"\$(xenstore-read /local/domain/0/backend/$kind/$id/0/state)\" = 4 ]" ||
    bad "$kind is in state $(xenstore-read "/local/domain/0/backend/$kind/$id/0/state")"
done

step screen
# Linux's text console, on a screen of the frontend's standard size: some of it is lit, most of it is black.
port=$(xl vncviewer --help >/dev/null 2>&1; xenstore-read "/local/domain/$id/console/vnc-port" 2>/dev/null)
screen=$(vnc-probe "${port:-5900}") || bad "no screen by VNC: $(cat "/var/log/xen/qemu-dm-screen.log" 2>/dev/null | tail -n 1)"
echo "$screen"
[[ $screen == "800x600 "* ]] || bad "the screen is: $screen"
lit=$(echo "$screen" | sed 's/.*: \([0-9]*\) of.*/\1/')
[ "${lit:-0}" -gt 500 ] && [ "$lit" -lt 240000 ] || bad "no text on it: $screen"

step keyboard
# A shell on the framebuffer's console; what is typed by VNC is a command (without a character that needs the shift key).
on screen 'setsid sh </dev/tty1 >/dev/tty1 2>&1 & true'
vnc-probe "${port:-5900}" 'mkdir /tmp/typed' >/dev/null || bad "no typing by VNC"
until_true 20 on screen 'test -d /tmp/typed' || bad "the guest has not got what was typed"

step destroy
xl destroy screen || bad "xl destroy"
until_true 20 eval '! pidof xen-qemu-system-i386' || bad "the device model goes on"

step kernel-log
require_quiet_kernel_log
end_flow
