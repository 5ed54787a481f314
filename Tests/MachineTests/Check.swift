// SPDX-License-Identifier: Apache-2.0
// Expectations about types that cannot be copied, which the testing library's own cannot take apart.
import Testing

/// Expects something to be true.
func check(_ isTrue: Bool, _ comment: Comment? = nil, location: SourceLocation = #_sourceLocation) {
  #expect(isTrue, comment, sourceLocation: location)
}
