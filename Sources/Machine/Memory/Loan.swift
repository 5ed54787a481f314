// SPDX-License-Identifier: Apache-2.0
// A value that its owner lends for a time, as `inout` does, in a form that can be a part of something else.

/// Somebody's `T`, lent to whoever holds the loan for as long as the owner's access to it lasts. `loan[]` is the value.
///
/// It can be neither copied nor kept. Who passes it on says `borrowing`.
@safe
public struct Loan<T: ~Copyable>: ~Copyable, ~Escapable {
  @usableFromInline let address: UnsafeMutablePointer<T>

  @_lifetime(&value)
  /// Lends a value until its owner uses it again.
  @inlinable @inline(__always)
  public init(_ value: inout T) {
    // SAFETY: 1. The access to the value is exclusive, and the compiler lets no loan outlast it.
    unsafe address = withUnsafeMutablePointer(to: &value) { unsafe $0 }
  }

  /// The value.
  @inlinable
  public subscript() -> T {
    // SAFETY: 1. As above: the value is there, and nobody else's while the loan lasts.
    unsafeAddress { unsafe UnsafePointer(address) }
    nonmutating unsafeMutableAddress { unsafe address }
  }
}
