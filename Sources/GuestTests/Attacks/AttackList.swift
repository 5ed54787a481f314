// SPDX-License-Identifier: Apache-2.0
//
// Every attack, in the order in which the flow runs them. How each has to end is the flow's business:
// Integration/domain0-fast/scenarios/attacks.list.

import GuestKit

/// The attacks and the guest that is attacked. A new one is a function here and a line in attacks.list.
func allAttacks() -> [Guest] {
  [
    healthyGuest(),
    mapForeign(),
    updateForeign(),
  ]
}
