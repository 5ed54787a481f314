# SPDX-License-Identifier: Apache-2.0
# Disk, network and load in one life of the machine.
for part in disk network load; do
  sh "/scenarios/$part.sh" || exit 1
done
