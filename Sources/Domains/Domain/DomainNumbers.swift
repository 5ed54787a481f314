// SPDX-License-Identifier: Apache-2.0
// Which domain numbers are taken: by domains that exist, by those that are being made, and by those whose last remains are not
// gone yet.
import Frames
import Machine
import XenABI

/// The numbers of domains. A number is taken from `reserve` (or `DomainTable` listing a domain that boot has made) until
/// `free`.
public struct DomainNumbers: ~Copyable {
  // A bit for each number.
  var taken = InlineArray<512, UInt64>(repeating: 0)
  /// The number given out last without having been asked for.
  var last: UInt16 = 0

  /// All numbers are free.
  public init() {}

  // By reference: a plain access to one element may copy the array.
  private mutating func change(_ number: UInt16, _ body: (inout UInt64) -> Void) {
    body(&taken[Int(number &>> 6 & 511)])
  }

  mutating func isTaken(_ number: UInt16) -> Bool {
    var bit: UInt64 = 0
    change(number) { bit = $0 &>> UInt64(number & 63) & 1 }
    return bit != 0
  }

  mutating func take(_ number: UInt16) { change(number) { $0 |= 1 &<< UInt64(number & 63) } }

  mutating func release(_ number: UInt16) { change(number) { $0 &= ~(1 &<< UInt64(number & 63)) } }

  /// The next free number after the one given out last, from 1 on again at the end. Nil if there is none.
  mutating func next() -> UInt16? {
    var number = last
    for _ in 0..<DomainID.firstReserved {
      number = number &+ 1 < DomainID.firstReserved ? number &+ 1 : 1
      if !isTaken(number) {
        last = number
        return number
      }
    }
    return nil
  }
}

extension DomainNumbers {
  /// Takes a number for a new domain (`domain` of XEN_DOMCTL_createdomain): `wanted`, or if that is 0 or not one that a domain
  /// can have, the next after the one that was given out last in this way.
  ///
  /// - Throws: `exists` if the wanted one is taken; `restart` if it is, but only for the moment that the remains of the domain
  ///   that had it need; `noMemory` if all are taken, or the table of domains cannot grow.
  public static func reserve(wanted: UInt16) throws(XenError) -> DomainID {
    let hypervisor = Ref<Hypervisor>.shared
    return try hypervisor[].numbers.withLock { numbers throws(XenError) in
      let number: UInt16
      if wanted > 0 && wanted < DomainID.firstReserved {
        guard !numbers.isTaken(wanted) else {
          let isLeaving = ledger[].accounts.isClosed(DomainID(wanted))
          throw isLeaving && hypervisor[].domains.find(DomainID(wanted)) == nil ? .restart : .exists
        }
        number = wanted
      } else {
        guard let next = numbers.next() else { throw .noMemory }
        number = next
      }
      while hypervisor[].domains.capacity <= Int(number) {
        guard let frame = ledger[].allocateOwn() else { throw .noMemory }
        guard hypervisor[].domains.grow(by: frame) else {
          ledger[].freeOwn(frame)
          throw .noMemory
        }
      }
      numbers.take(number)
      return DomainID(number)
    }
  }

  /// Gives a number back that no domain has.
  public static func free(_ id: DomainID) { Ref<Hypervisor>.shared[].numbers.withLock { $0.release(id.raw) } }

  /// Lists a domain under its number, so that everybody finds it.
  public static func list(_ domain: Ref<Domain>) {
    let hypervisor = Ref<Hypervisor>.shared
    let id = domain[].id
    hypervisor[].numbers.withLock { numbers in
      numbers.take(id.raw)
      hypervisor[].domains.set(id, domain)
    }
  }

  /// Takes a domain off the list. Its number stays taken until `free`.
  static func unlist(_ id: DomainID) {
    let hypervisor = Ref<Hypervisor>.shared
    hypervisor[].numbers.withLock { numbers in
      // One that was listed without this type's knowledge.
      numbers.take(id.raw)
      hypervisor[].domains.set(id, nil)
    }
  }
}
