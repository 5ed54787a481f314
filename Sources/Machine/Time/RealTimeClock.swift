// SPDX-License-Identifier: Apache-2.0
// The battery-backed clock of the PC, through its two ports.
import CMachine

/// The battery-backed clock, for the time of day at boot.
public enum RealTimeClock {
  static func read(_ register: UInt8) -> UInt8 {
    martlet_out8(0x70, register)
    return martlet_in8(0x71)
  }

  /// Seconds since 1970, UTC; 0 when the clock makes no sense.
  public static var seconds: UInt64 {
    var patience = 100_000
    while read(0x0a) & 0x80 != 0 && patience > 0 { patience &-= 1 }
    let binary = read(0x0b) & 4 != 0
    func number(_ register: UInt8) -> UInt64 {
      let raw = UInt64(read(register))
      return binary ? raw : (raw &>> 4) &* 10 &+ (raw & 15)
    }
    let (second, minute, hour) = (number(0), number(2), number(4))
    let (day, month) = (number(7), number(8))
    let year = number(9) &+ 2000
    guard second < 60, minute < 60, hour < 24, day >= 1, day <= 31, month >= 1, month <= 12, year < 2100 else {
      return 0
    }
    // Days since 1970 by the civil calendar, with years that begin in March.
    let shifted = month <= 2 ? year &- 1 : year
    let march = (month &+ 9) % 12
    let days = shifted &* 365 &+ shifted / 4 &- shifted / 100 &+ shifted / 400 &+ (march &* 306 &+ 5) / 10 &+ day &- 1
    return (days &- 719_468) &* 86400 &+ hour &* 3600 &+ minute &* 60 &+ second
  }
}
