// SPDX-License-Identifier: Apache-2.0
//
// Choosing the guest by `test=` on the command line, running it, and saying how it ended:
//   GUEST name: PASS
//   GUEST name: FAIL what: expected X, saw Y
//   GUEST name: ENDS how          where the end itself is what is tested
// then SCHEDOP_shutdown. The reader of the console needs nothing else. In a domain that is not Domain 0 the reason of the
// shutdown says it too: poweroff for PASS, crash for FAIL.

import CGuestKit

/// Why a guest failed.
public struct Failure: Error {
  /// What was compared.
  public var what: StaticString
  /// The value wanted.
  public var expected: UInt64
  /// The value found.
  public var seen: UInt64
  /// Whether the two numbers are signed, unsigned, or absent.
  public var kind: Kind

  /// How the two numbers are printed.
  public enum Kind { case signed, unsigned, none }
}

/// One guest: a name, what it proves, and its body.
public struct Guest {
  /// What `test=` names.
  public let name: StaticString
  /// One line for `test=list`.
  public let proves: StaticString
  /// The checks; a throw is a FAIL.
  public let body: () throws(Failure) -> Void

  /// A guest with its name, what it proves, and its checks.
  public init(_ name: StaticString, _ proves: StaticString, _ body: @escaping () throws(Failure) -> Void) {
    self.name = name
    self.proves = proves
    self.body = body
  }
}

/// Compares; the failure names both values.
public func expect<Number: FixedWidthInteger>(_ what: StaticString, _ seen: Number, _ expected: Number) throws(Failure)
{
  if seen != expected {
    throw Failure(
      what: what, expected: UInt64(truncatingIfNeeded: expected), seen: UInt64(truncatingIfNeeded: seen),
      kind: Number.isSigned ? .signed : .unsigned)
  }
}

/// Checks a condition that has no two numbers.
public func require(_ what: StaticString, _ condition: Bool) throws(Failure) {
  if !condition { throw Failure(what: what, expected: 0, seen: 0, kind: .none) }
}

/// Checks that an attempt faulted as said.
public func expectFault(
  _ what: StaticString, _ attempt: Attempt, _ vector: UInt64, error: UInt64 = 0, offset: UInt64 = 0
) throws(Failure) {
  guard let fault = attempt.fault else {
    throw Failure(what: what, expected: vector, seen: 0xffff_ffff, kind: .unsigned)
  }
  if fault.vector != vector { Console.line("  (the next line compares vectors)") }
  try expect(what, fault.vector, vector)
  if fault.error != error { Console.line("  (the next line compares error codes)") }
  try expect(what, fault.error, error)
  if attempt.faultOffset != offset { Console.line("  (the next line compares offsets of the saved rip)") }
  try expect(what, attempt.faultOffset, offset)
}

/// Checks that an attempt did not fault.
public func expectNoFault(_ what: StaticString, _ attempt: Attempt) throws(Failure) {
  if let fault = attempt.fault {
    Console.put("  fault at rip ")
    Console.put(hex: fault.rip)
    Console.put(" error ")
    Console.put(hex: fault.error)
    Console.put(" address ")
    Console.put(hex: fault.address)
    Console.end()
    throw Failure(what: what, expected: 0xffff_ffff, seen: fault.vector, kind: .unsigned)
  }
}

private var runningName: StaticString = "?"

/// Runs guests and ends them.
public enum Runner {
  /// Runs the guest that the command line names; never comes back.
  public static func run(_ guests: [Guest]) -> Never {
    guard let option = StartInfo.option("test=") else {
      Console.line("GUEST ?: FAIL no test= on the command line; test=list prints the names")
      shutdown(failing)
    }
    if option.count == 4 && StartInfo.bytes(at: option.address, equal: "list") {
      for guest in guests {
        Console.put("GUESTS ")
        Console.put(guest.name)
        Console.put(" - ")
        Console.put(guest.proves)
        Console.end()
      }
      Console.line("GUEST list: PASS")
      shutdown(SHUTDOWN_poweroff)
    }
    for guest in guests
    where Int(option.count) == guest.name.utf8CodeUnitCount
      && StartInfo.bytes(at: option.address, equal: guest.name)
    {
      runningName = guest.name
      do throws(Failure) {
        try guest.body()
      } catch {
        finish(error)
      }
      pass()
    }
    Console.put("GUEST ")
    Console.put(textAt: option.address, limit: option.count)
    Console.line(": FAIL no guest has this name; test=list prints the names")
    shutdown(failing)
  }

  /// Prints the end that has to follow, for guests whose end is what they test. It is no verdict: the reader of the console
  /// sees whether the machine comes to that end.
  public static func announce(end: StaticString) {
    begin()
    Console.put("ENDS ")
    Console.put(end)
    Console.end()
  }

  /// Prints a line on the way to the announced end.
  public static func note(_ text: StaticString) {
    begin()
    Console.line(text)
  }

  static func pass() -> Never {
    begin()
    Console.line("PASS")
    shutdown(SHUTDOWN_poweroff)
  }

  private static func begin() {
    Console.put("GUEST ")
    Console.put(runningName)
    Console.put(": ")
  }

  private static func finish(_ failure: Failure) -> Never {
    begin()
    Console.put("FAIL ")
    Console.put(failure.what)
    switch failure.kind {
    case .none: break
    case .signed:
      Console.put(": expected ")
      Console.put(decimal: Int64(bitPattern: failure.expected))
      Console.put(", saw ")
      Console.put(decimal: Int64(bitPattern: failure.seen))
    case .unsigned:
      Console.put(": expected ")
      Console.put(hex: failure.expected)
      Console.put(", saw ")
      Console.put(hex: failure.seen)
    }
    Console.end()
    shutdown(failing)
  }

  /// Ends the guest with a reason that has no numbers.
  public static func fail(_ why: StaticString) -> Never {
    finish(Failure(what: why, expected: 0, seen: 0, kind: .none))
  }

  /// Ends the guest after a trap that nobody expected.
  static func unexpected(_ fault: Fault) -> Never {
    begin()
    Console.put("FAIL unexpected trap, vector ")
    Console.put(hex: fault.vector)
    Console.put(" error ")
    Console.put(hex: fault.error)
    Console.put(" rip ")
    Console.put(hex: fault.rip)
    Console.put(" cs ")
    Console.put(hex: fault.cs)
    Console.put(" address ")
    Console.put(hex: fault.address)
    Console.end()
    shutdown(failing)
  }

  /// The reason a guest that has failed ends with. Domain 0's crash would restart the machine.
  private static var failing: Int32 { StartInfo.isInitialDomain ? SHUTDOWN_poweroff : SHUTDOWN_crash }

  /// SCHEDOP_shutdown with a SHUTDOWN_* reason.
  public static func shutdown(_ reason: Int32) -> Never {
    Console.drain()
    var request = sched_shutdown(reason: UInt32(reason))
    while true { hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &request) }
  }
}

/// First Swift code: traps, shared page, every event channel masked. Then `main` of the executable runs.
@c(gk_boot) public func boot() {
  SharedInfo.map()
  Memory.fill(SharedInfo.mask, words: 64, with: ~0)
  Traps.installAll()
  Console.prepare()
}

/// Prints a value for the reader of the log; proves nothing.
public func note(_ what: StaticString, _ value: Int) {
  Console.put("  ")
  Console.put(what)
  Console.put(": ")
  Console.put(decimal: Int64(value))
  Console.end()
}
