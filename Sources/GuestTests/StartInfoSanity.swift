// SPDX-License-Identifier: Apache-2.0
//
// The start-of-day promises of xen.h ("Start-of-day memory layout").

import CGuestKit
import GuestKit

/// start-info: magic, sizes, page-table base, frame list, flags.
func startInfoSanity() -> Guest {
  Guest("start-info", "start_info describes the memory the guest finds") { () throws(Failure) in
    try require("magic starts with xen-3.0-x86_64", StartInfo.bytes(at: StartInfo.address, equal: "xen-3.0-x86_64"))
    try require("nr_pages covers the image", StartInfo.pageCount > Frames.page(gk_address_pool_end()))
    try expect("shared_info is page aligned", StartInfo.sharedInfo & 4095, 0)
    try require("pt_base follows the image", StartInfo.pageTableBase >= gk_address_pool_end())
    try expect("pt_base is page aligned", StartInfo.pageTableBase & 4095, 0)
    try require("at least four page-table frames", StartInfo.pageTableFrames >= 4)
    try expect("privileged initial domain", StartInfo.flags & 3, 3)

    for page in 0..<StartInfo.pageCount {
      let frame = Frames.machine(page: page)
      try expect("machine-to-page of a frame in mfn_list", Frames.page(machine: frame), page)
    }

    // The L1 entry that maps pt_base names pt_base's own frame and is not writable.
    let entry = EntryPlace.find(StartInfo.pageTableBase).value
    try expect("frame mapped at pt_base", PageEntry.frame(entry), Frames.machine(StartInfo.pageTableBase))
    try expect("pt_base is mapped present and read-only", entry & 3, PageEntry.present)
    let image = EntryPlace.find(gk_address_pool()).value
    try expect("the image is mapped present and writable", image & 3, 3)
  }
}
