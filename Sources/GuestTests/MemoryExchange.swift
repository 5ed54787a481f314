// SPDX-License-Identifier: Apache-2.0
//
// XENMEM_exchange: own frames for others, as Linux does to get contiguous ones.

import CGuestKit
import GuestKit

/// memory-exchange: four single frames for one aligned block of four.
func memoryExchange() -> Guest {
  Guest("memory-exchange", "four single frames are exchanged for one block of four") { () throws(Failure) in
    let input = Request()
    let output = Request()
    // As Linux does it: unmapped pages, given in and populated under the same page numbers.
    var pages: [UInt64] = []
    for index in UInt64(0)..<4 {
      let page = Frames.takeUnmapped()
      pages.append(page)
      input.set64(index * 8, Frames.machine(page: page))
    }
    output.set64(0, pages[3])
    let request = Request()
    request.set64(0, input.address)
    request.set64(8, 4)
    request.set32(16, 0)
    request.set16(24, selfDomain)
    request.set64(32, output.address)
    request.set64(40, 1)
    request.set32(48, 2)
    request.set16(56, selfDomain)
    request.set64(64, 0)
    try expect("exchange", request.call(__HYPERVISOR_memory_op, XENMEM_exchange), 0)
    try expect("nr_exchanged", request.get64(64), 4)
    let block = output.get64(0)
    try expect("the block is aligned", block & 3, 0)
    let window = Pages.take()
    for index in UInt64(0)..<4 {
      try expect("map a frame of it", MMU.map(window, (block + index) << 12 | 3), 0)
      try expectNoFault("write it", attemptStore(window, index))
      try expect("machine-to-page of it", Frames.page(machine: block + index), pages[3] + index)
    }
    // Sizes that do not match.
    request.set64(8, 3)
    request.set64(64, 0)
    try expect("sizes that do not match", request.call(__HYPERVISOR_memory_op, XENMEM_exchange), ErrorCode.invalid)
  }
}
