# SPDX-License-Identifier: Apache-2.0
# The greeting, on the console only.
[ "$(tty)" != /dev/hvc0 ] || /etc/martlet/greet
