// SPDX-License-Identifier: Apache-2.0
//
// Every guest of the image, in the order in which `test=list` prints them.

import GuestKit

/// All guests. A new one is a file with a `Guest` in it and a line here.
func allGuests() -> [Guest] {
  [
    consoleOutput(),
    startInfoSanity(),
    breakpointTrap(),
    breakpointUser(),
    divideTrap(),
    invalidOpcodeTrap(),
    generalProtectionTrap(),
    softwareInterrupt(),
    softwareInterruptKernel(),
    softwareInterrupt80(),
    trapEventMask(),
    trapTable(),
    pageFaultKernel(),
    pageFaultUser(),
    systemCall(),
    systemCallEvents(),
    userIsolation(),
    iretBadFrame(),
    stackSwitch(),
    userTableStrict(),
    pinUnpin(),
    refuseWritableTable(),
    refuseHypervisor(),
    refuseForeign(),
    refuseBits(),
    refuseLevel(),
    linearTables(),
    updateBatch(),
    machineToPage(),
    preserveAccessed(),
    vaMapping(),
    newBase(),
    flushes(),
    clearCopy(),
    writablePageTables(),
    pinPreempted(),
  ]
}
