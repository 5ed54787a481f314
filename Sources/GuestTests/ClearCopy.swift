// SPDX-License-Identifier: Apache-2.0
//
// MMUEXT_CLEAR_PAGE and MMUEXT_COPY_PAGE work on own data pages, and not on page tables.

import CGuestKit
import GuestKit

/// clear-copy-page: contents, and refusal for tables.
func clearCopy() -> Guest {
  Guest("clear-copy-page", "clear and copy a page by frame; a page table is refused") { () throws(Failure) in
    let from = Pages.take()
    let to = Pages.take()
    for word in UInt64(0)..<512 { Memory.store64(from + word * 8, word &* 0x9e37_79b9_7f4a_7c15) }
    try expect("copy", MMU.extended(MMUEXT_COPY_PAGE, Frames.machine(to), Frames.machine(from)), 0)
    for word in UInt64(0)..<512 {
      try expect("copied word", Memory.load64(to + word * 8), word &* 0x9e37_79b9_7f4a_7c15)
    }
    try expect("clear", MMU.extended(MMUEXT_CLEAR_PAGE, Frames.machine(from)), 0)
    for word in UInt64(0)..<512 { try expect("cleared word", Memory.load64(from + word * 8), 0) }
    let table = EntryPlace.find(from).table
    try require("clear of a live table", MMU.extended(MMUEXT_CLEAR_PAGE, Frames.machine(table)) < 0)
    try require("copy over a live table", MMU.extended(MMUEXT_COPY_PAGE, Frames.machine(table), Frames.machine(to)) < 0)
    try expect("copy of a table", MMU.extended(MMUEXT_COPY_PAGE, Frames.machine(to), Frames.machine(table)), 0)
    try require("copy from nowhere", MMU.extended(MMUEXT_COPY_PAGE, Frames.machine(to), ~0) < 0)
  }
}
