// SPDX-License-Identifier: Apache-2.0
// Calls the decompressors from arrays, with a workspace full of leftovers, as it will be on the machine.
import Decompression

/// What a decompressor gave: its bytes, and how much input it used.
struct Unpacked: Equatable {
  var bytes: [UInt8]
  var inputCount: Int
}

/// Memory for one workspace after another.
struct WorkspaceMemory {
  var bytes = [UInt8](repeating: 0xA5, count: Workspace.byteCount)
  var halfwords = [UInt16](repeating: 0xA5A5, count: Workspace.halfwordCount)
  var words = [UInt32](repeating: 0xA5A5_A5A5, count: Workspace.wordCount)

  /// Decompresses `input` into `output`.
  mutating func unpack(_ input: [UInt8], into output: inout [UInt8]) throws(DecompressionError) -> Decompressed {
    try Self.unpack(input, into: &output, &bytes, &halfwords, &words)
  }

  private static func unpack(
    _ input: [UInt8], into output: inout [UInt8], _ bytes: inout [UInt8], _ halfwords: inout [UInt16],
    _ words: inout [UInt32]
  ) throws(DecompressionError) -> Decompressed {
    var workspace = Workspace(bytes: bytes.mutableSpan, halfwords: halfwords.mutableSpan, words: words.mutableSpan)
    var span = output.mutableSpan
    return try decompress(input.span, into: &span, workspace: &workspace)
  }
}

/// Decompresses `input` into an output of `capacity` bytes.
func unpack(_ input: [UInt8], capacity: Int) throws(DecompressionError) -> Unpacked {
  var memory = WorkspaceMemory()
  var output = [UInt8](repeating: 0xEE, count: capacity)
  let result = try memory.unpack(input, into: &output)
  return Unpacked(bytes: Array(output[..<result.outputCount]), inputCount: result.inputCount)
}
