// SPDX-License-Identifier: Apache-2.0

// `dom0_max_vcpus=`: a number, or bounds around the number of CPUs.

/// How many virtual CPUs Domain 0 gets.
public struct VCPUCount: Equatable {
  /// The least number.
  public let minimum: Int
  /// The greatest number; nil without one.
  public let maximum: Int?

  /// As many as there are CPUs.
  public static var asCPUs: VCPUCount { VCPUCount(minimum: 1, maximum: nil) }

  private init(minimum: Int, maximum: Int?) {
    self.minimum = minimum
    self.maximum = maximum
  }

  /// Reads `N`, `N-M`, `-M` or `N-`; nil when it is none of these, has a zero, or bounds in the wrong order.
  init?(_ value: Range<Int>, of line: Span<UInt8>) {
    let limit: UInt64 = 8192
    guard let after = line.part(of: value, after: UInt8(ascii: "-")) else {
      guard let number = line.number(value, upTo: limit), number > 0 else { return nil }
      self.init(minimum: Int(number), maximum: Int(number))
      return
    }
    let before = line.part(of: value, before: UInt8(ascii: "-"))
    if before.isEmpty && after.isEmpty { return nil }
    var least = 1
    var most: Int?
    if !before.isEmpty {
      guard let number = line.number(before, upTo: limit), number > 0 else { return nil }
      least = Int(number)
    }
    if !after.isEmpty {
      guard let number = line.number(after, upTo: limit), number >= least else { return nil }
      most = Int(number)
    }
    self.init(minimum: least, maximum: most)
  }

  /// The same bounds, none of them above `most`.
  func limited(to most: Int) -> VCPUCount {
    VCPUCount(minimum: min(minimum, most), maximum: maximum.map { min($0, most) })
  }

  /// The number on a machine with `cpus` CPUs.
  public func resolve(cpus: Int) -> Int {
    let bounded = max(cpus, minimum)
    return maximum.map { min(bounded, $0) } ?? bounded
  }
}
