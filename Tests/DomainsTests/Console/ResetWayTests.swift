// SPDX-License-Identifier: Apache-2.0
//
// The ways to reset the machine, in the order in which they are tried.

import Testing

@testable import Domains

@Suite struct ResetWayTests {
  @Test func `the way that was asked for comes first, and a triple fault last`() {
    func order(_ first: ResetWay?) -> [ResetWay] {
      let ways = ResetWay.order(first: first)
      return ways.indices.map { ways[$0] }
    }
    #expect(order(nil).first == .acpi)
    for way in [ResetWay.acpi, .pci, .power, .keyboard, .tripleFault] {
      #expect(order(way).first == way)
      #expect(order(way).last == .tripleFault)
      #expect(Set([ResetWay.acpi, .pci, .keyboard, .tripleFault]).isSubset(of: order(way)))
    }
    #expect(!order(nil).contains(.power))
  }
}
