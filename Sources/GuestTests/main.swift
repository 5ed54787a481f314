// SPDX-License-Identifier: Apache-2.0
//
// Entry of the guests' image: GuestKit has set up traps and the shared page; the command line says which guest to be.

import GuestKit

Runner.run(allGuests() + allAttacks())
