// SPDX-License-Identifier: Apache-2.0
// LZMA2: the chunks around LZMA, which say what is reset, and hold incompressible data as it is.

/// An LZMA2 stream.
enum LZMA2 {
  /// Decodes the LZMA2 stream at the reader into `output`, and leaves the reader behind the stream's end mark.
  ///
  /// Every distance that stays inside the output is accepted, also beyond the dictionary size that the header names.
  /// - Returns: how many bytes of `output` were written.
  /// - Throws: `truncated`, `corrupt`, `outputTooSmall`.
  static func decode(
    _ reader: inout ByteReader, into output: inout MutableSpan<UInt8>, workspace: inout Workspace
  ) throws(DecompressionError) -> Int {
    var state = LZMAState()
    var position = 0
    var dictionaryStart = 0
    var needsDictionary = true
    var needsProperties = true
    while true {
      let control = try reader.byte()
      if control == 0 { return position }

      if control == 1 || control >= 0xE0 {
        dictionaryStart = position
        needsDictionary = false
        needsProperties = true
      } else if needsDictionary {
        throw .corrupt
      }

      if control < 0x80 {
        guard control <= 2 else { throw .corrupt }
        let length = try bigEndian16(&reader) &+ 1
        let source = try reader.take(length)
        guard length <= output.count &- position else { throw .outputTooSmall }
        output.copyLiterals(from: source, at: 0, to: position, length: length)
        position = position &+ length
        continue
      }

      let length = Int(control & 0x1F) &<< 16 &+ (try bigEndian16(&reader)) &+ 1
      let compressedLength = try bigEndian16(&reader) &+ 1
      if control >= 0xC0 {
        try state.setProperties(try reader.byte())
        needsProperties = false
      } else if needsProperties {
        throw .corrupt
      }
      if control >= 0xA0 { state.reset(&workspace.halfwords) }
      let source = try reader.take(compressedLength)
      guard length <= output.count &- position else { throw .outputTooSmall }
      var window = output._mutatingExtracting(dictionaryStart..<(position &+ length))
      try state.decodeChunk(
        source, probabilities: &workspace.halfwords, window: &window, start: position &- dictionaryStart)
      position = position &+ length
    }
  }

  private static func bigEndian16(_ reader: inout ByteReader) throws(DecompressionError) -> Int {
    let high = Int(try reader.byte())
    return high &<< 8 | Int(try reader.byte())
  }
}
