// SPDX-License-Identifier: Apache-2.0
// TLB flushes that guests ask for, on the CPUs of the vCPUs that they name.
import Domains
import Frames
import Machine
import XenABI

extension Hypercall {
  /// The CPUs on which the vCPUs of a guest's bitmap may have translations.
  ///
  /// - Throws: `invalid` if the bitmap cannot be read.
  mutating func cpus(ofBitmap pointer: LinearAddress) throws(XenError) -> CPUSet {
    let translating = ledger[].accounts.translating(domain[].id)
    var set = CPUSet()
    var index = 0
    while index < domain[].maximumVCPUs {
      // Byte by byte: the bitmap ends where the vCPUs do, perhaps at the end of a page.
      guard let byte = try? GuestMemory.read(pointer + UInt64(index &>> 3), as: UInt8.self, initial: 0) else {
        throw .invalid
      }
      for bit in 0..<8 where byte &>> UInt8(bit) & 1 != 0 {
        guard let vcpu = domain[].vcpu(index: index &+ bit) else { continue }
        let cpu = Int(vcpu[].cpu.load())
        if translating.contains(cpu) { set.insert(cpu) }
      }
      index &+= 8
    }
    return set
  }

  /// All CPUs on which the domain may have translations.
  var allCPUs: CPUSet { mutating get { ledger[].accounts.translating(domain[].id) } }
}
