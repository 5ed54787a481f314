// SPDX-License-Identifier: Apache-2.0
// sysctl: the machine, its console, its processors (sysctl.h).
#ifndef MARTLET_CONTROL_SYSTEM_H
#define MARTLET_CONTROL_SYSTEM_H

#endif
