// SPDX-License-Identifier: Apache-2.0
// A reference to one field of a record, for code that works on locks of two records at once.

extension Ref where T: ~Copyable {
  /// A reference to the stored field that `field` gives access to.
  ///
  /// A field of a record in type-stable memory is itself in type-stable memory.
  @inlinable
  public func field<Field: ~Copyable>(_ field: (inout T) -> Ref<Field>) -> Ref<Field> {
    field(&self[])
  }

  /// Inside `field`: the reference to an inout stored property.
  @inlinable
  public static func to(_ stored: inout T) -> Ref<T> {
    // SAFETY: 1. Only used on stored properties of records in type-stable memory (see `field`), so the address stays.
    unsafe withUnsafeMutablePointer(to: &stored) { unsafe Ref($0) }
  }
}
