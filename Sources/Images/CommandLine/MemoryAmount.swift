// SPDX-License-Identifier: Apache-2.0

// `dom0_mem=`: how much memory Domain 0 gets. The amounts are relative to a machine that is only known later, so they
// are kept as written and worked out by `Domain0Memory.resolve`.

/// An amount of memory as the manual's `<sz>`: `<size> | [<size>+]<frac>%`.
public struct MemoryAmount: Equatable {
  /// Bytes.
  public let bytes: UInt64
  /// The bytes are what to leave, not what to take.
  public let isNegative: Bool
  /// Percent of the machine's memory to add, 0...99.
  public let percent: UInt8

  /// Reads an amount; nil when it is none.
  init?(_ value: Range<Int>, of line: Span<UInt8>) {
    guard let last = value.last else { return nil }
    var sizePart: Range<Int>? = value
    var share: UInt64 = 0
    if line[last] == UInt8(ascii: "%") {
      let whole = value.lowerBound..<last
      let fraction = line.part(of: whole, after: UInt8(ascii: "+"))
      sizePart = fraction == nil ? nil : line.part(of: whole, before: UInt8(ascii: "+"))
      guard let number = line.number(fraction ?? whole, upTo: 99) else { return nil }
      share = number
    }
    percent = UInt8(share)
    if let sizePart {
      guard let size = line.signedSize(sizePart) else { return nil }
      bytes = size.bytes
      isNegative = size.isNegative
    } else {
      bytes = 0
      isNegative = false
    }
  }

  /// The amount in bytes on a machine.
  ///
  /// - Parameters:
  ///   - available: bytes free for Domain 0.
  ///   - total: bytes of the machine.
  func resolve(available: UInt64, total: UInt64) -> UInt64 {
    let fraction = total / 100 * UInt64(percent) + total % 100 * UInt64(percent) / 100
    if isNegative {
      // With a percentage the size still counts against it: "-1G+25%" is a quarter less a GiB.
      let whole = percent == 0 ? available : fraction
      return whole > bytes ? whole - bytes : 0
    }
    let (sum, overflow) = bytes.addingReportingOverflow(fraction)
    return overflow ? UInt64.max : sum
  }
}

/// The value of `dom0_mem=`.
public struct Domain0Memory: Equatable {
  /// The amount at start; nil for all but a reserve.
  public internal(set) var initial: MemoryAmount?
  /// The least amount at start.
  public internal(set) var minimum: MemoryAmount?
  /// The most at start and later.
  public internal(set) var maximum: MemoryAmount?

  /// Works out the amounts for a machine, as the manual describes.
  ///
  /// - Parameters:
  ///   - available: bytes free for Domain 0 now.
  ///   - total: bytes of RAM in the machine.
  /// - Returns: bytes at start, whole pages and no more than available; and bytes Domain 0 may ever have, whole pages,
  ///   nil for no limit.
  public func resolve(available: UInt64, total: UInt64) -> (initial: UInt64, maximum: UInt64?) {
    let reserve = min(available / 16, 128 << 20)
    var amount = initial?.resolve(available: available, total: total) ?? (available - reserve)
    if let minimum { amount = max(amount, minimum.resolve(available: available, total: total)) }
    let most = maximum?.resolve(available: available, total: total)
    if let most { amount = min(amount, most) }
    return (min(amount, available) & ~(pageSize - 1), most.map { $0 & ~(pageSize - 1) })
  }
}
