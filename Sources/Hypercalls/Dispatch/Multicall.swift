// SPDX-License-Identifier: Apache-2.0
// Several hypercalls in one.
import Domains
import Machine
import XenABI

extension Hypercall {
  /// `multicall`: carries out a list of calls in order, each with its own result (struct multicall_entry: op, result, six
  /// arguments). `iret` ends the list: the guest goes on where the frame on its stack says, and what stands behind it is not
  /// looked at.
  ///
  /// - Throws: `fault` if an entry cannot be read or its result not written.
  mutating func multicall() throws(XenError) -> HypercallOutcome {
    var entry = address(0)
    var left = UInt32(truncatingIfNeeded: arguments[1])
    while left > 0 {
      var words = InlineArray<8, UInt64>(repeating: 0)
      words = try GuestMemory.fetch(entry, initial: words)
      var call = Hypercall(
        vcpu: vcpu, domain: domain, arguments: [words[2], words[3], words[4], words[5], words[6], words[7]])
      var result: UInt64 = 0
      var isPreempted = false
      do throws(XenError) {
        switch words[0] {
        // A list within a list makes no sense.
        case HypercallNumber.multicall: throw .invalid
        case HypercallNumber.interruptReturn: return .interruptReturn
        default:
          switch try call.dispatchListed(words[0]) {
          case .done(let value): result = value
          case .again: isPreempted = true
          case .interruptReturn: return .interruptReturn
          }
        }
      } catch {
        if error == .restart { isPreempted = true } else { result = error.result }
      }
      if isPreempted {
        for index in 0..<6 { words[index &+ 2] = call.arguments[index] }
        try GuestMemory.put(entry, words)
        return again(.calls, from: entry, left: UInt64(left))
      }
      try GuestMemory.put(entry + 8, result)
      entry = entry + 64
      left &-= 1
      Stretch.spend()
      if left > 0 && Stretch.isOver { return again(.calls, from: entry, left: UInt64(left)) }
    }
    return .success
  }

  /// A call from a list: the same table, not inlined a second time.
  @inline(never)
  private mutating func dispatchListed(_ number: UInt64) throws(XenError) -> HypercallOutcome {
    switch number {
    // The ones that guests put into lists all the time.
    case HypercallNumber.mmuUpdate: try mmuUpdate()
    case HypercallNumber.updateVAMapping: try updateVAMapping()
    case HypercallNumber.mmuextOp: try mmuextOp()
    case HypercallNumber.stackSwitch: stackSwitch()
    case HypercallNumber.fpuTaskSwitch: fpuTaskSwitch()
    case HypercallNumber.updateDescriptor: try updateDescriptor()
    case HypercallNumber.setSegmentBase: try setSegmentBase()
    default: try dispatch(number)
    }
  }
}
