// SPDX-License-Identifier: Apache-2.0
// What one CPU writes all the time is in no other CPU's cache line.
import CMachine
import Testing

@Suite struct CacheLineTests {
  @Test func eachCPUHasItsOwn() {
    #expect(MARTLET_CACHE_LINE == 64)
    for size in [MemoryLayout<martlet_syscall_slot>.stride, MemoryLayout<martlet_cpu>.stride] {
      #expect(size % 64 == 0)
    }
    // The entry code reckons with the same size.
    #expect(MemoryLayout<martlet_syscall_slot>.stride == Int(MARTLET_SYSCALL_SLOT_SIZE))
  }
}
