// SPDX-License-Identifier: Apache-2.0
// What surrounds the compressed data: several streams in a row, bytes behind the last one, features that are refused.
import Testing

@testable import Decompression

@Suite struct ContainerTests {
  static let tools = ["xz", "lz4 -l", "lz4", "gzip", "zstd"].map(Compressor.init)

  /// The size that Linux appends, zeros, and noise behind a stream are not its business.
  @Test(arguments: tools) func trailingBytes(_ tool: Compressor) throws {
    let bytes = Sample.text.bytes
    let packed = try tool(bytes)
    for tail: [UInt8] in [[0x60, 0xEA, 0, 0], [UInt8](repeating: 0, count: 512), [1], [0x7F, 0x45, 0x4C, 0x46, 2]] {
      let result = try unpack(packed + tail, capacity: bytes.count)
      #expect(result == Unpacked(bytes: bytes, inputCount: packed.count))
    }
  }

  /// Eight megabytes exactly: the one size after which the LZ4 legacy format does not show its end.
  @Test(arguments: [0, 1]) func legacyWithFullLastBlock(_ more: Int) throws {
    let bytes = [UInt8](repeating: 0x5A, count: 8 << 20) + [UInt8](repeating: 0x33, count: more)
    let packed = try Compressor("lz4 -l")(bytes)
    for tail: [UInt8] in [[], [0, 0, 0x80, 0]] {
      let result = try unpack(packed + tail, capacity: bytes.count)
      #expect(result.inputCount == packed.count)
      #expect(result.bytes == bytes)
    }
  }

  @Test(arguments: tools) func streamsInARow(_ tool: Compressor) throws {
    let (first, second) = (Sample.short.bytes, Sample.pattern.bytes)
    let packed = try tool(first) + tool(second)
    let result = try unpack(packed, capacity: first.count + second.count)
    #expect(result == Unpacked(bytes: first + second, inputCount: packed.count))
    #expect(throws: DecompressionError.outputTooSmall) { try unpack(packed, capacity: first.count + 1) }
  }

  @Test func xzStreamPadding() throws {
    let bytes = Sample.short.bytes
    let packed = try Compressor("xz")(bytes)
    let padded = packed + [0, 0, 0, 0, 0, 0, 0, 0] + packed
    #expect(try unpack(padded, capacity: 100) == Unpacked(bytes: bytes + bytes, inputCount: padded.count))
    // Padding that is no multiple of four ends the file.
    let odd = packed + [0, 0, 0, 0, 0] + packed
    #expect(try unpack(odd, capacity: 100) == Unpacked(bytes: bytes, inputCount: packed.count))
  }

  /// An index whose own checksum is right, but which lists another size than the block has.
  @Test func xzIndexThatLies() throws {
    let bytes = Sample.short.bytes
    var packed = try Compressor("xz")(bytes)
    // Footer: CRC-32, size of the index (in words, less one), flags, magic. Index: 0, count, sizes, padding, CRC-32.
    let footer = packed.count - 12
    let index = footer - (Int(packed[footer + 4]) + 1) * 4
    let uncompressedSize = index + 3
    #expect(packed[uncompressedSize] == UInt8(bytes.count))
    packed[uncompressedSize] += 1
    var words = [UInt32](repeating: 0, count: Workspace.wordCount)
    var span = words.mutableSpan
    CRC32.prepare(&span)
    let crc = CRC32.of(packed.span.extracting(index..<(footer - 4)), span)
    for byte in 0..<4 { packed[footer - 4 + byte] = UInt8(truncatingIfNeeded: crc >> (8 * byte)) }
    #expect(throws: DecompressionError.corrupt) { try unpack(packed, capacity: 100) }
  }

  /// Random data makes LZMA2 fall back to plain chunks, after which the state starts anew but the dictionary stays.
  @Test func xzPlainChunks() throws {
    var random = SplitMix(state: 3)
    let text = Array(Sample.text.bytes[..<20_000])
    let bytes = text + (0..<140_000).map { _ in UInt8.random(in: 0...255, using: &random) } + text.reversed() + text
    #expect(try unpack(Compressor("xz -1 --lzma2=dict=1MiB,lc=3")(bytes), capacity: bytes.count).bytes == bytes)
  }

  @Test(arguments: ["zstd", "lz4"]) func skippableFrames(_ tool: String) throws {
    let bytes = Sample.short.bytes
    let packed = try Compressor(tool)(bytes)
    let skippable: [UInt8] = [0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 9, 9, 9]
    let file = packed + skippable + packed
    #expect(try unpack(file, capacity: 100) == Unpacked(bytes: bytes + bytes, inputCount: file.count))
  }

  @Test func gzipHeaderFields() throws {
    let bytes = Sample.short.bytes
    let packed = try Compressor("gzip -n")(bytes)
    // Extra field, name, comment and no header check; then one with a header check that is wrong.
    var header = Array(packed[..<10])
    header[3] = 0x1C
    let fields = header + [2, 0, 7, 7] + Array("name\0comment\0".utf8)
    #expect(try unpack(fields + packed[10...], capacity: 100).bytes == bytes)
    header[3] = 0x02
    #expect(throws: DecompressionError.checksumMismatch) { try unpack(header + [0, 0] + packed[10...], capacity: 100) }
  }

  /// Deflate's stored blocks, which gzip makes of random data.
  @Test func deflateStoredBlock() throws {
    let content: [UInt8] = [1, 2, 3, 4, 5]
    let packed = try Compressor("gzip -n")(content)
    let stored: [UInt8] = [0x01, 5, 0, 0xFA, 0xFF] + content
    let file = Array(packed[..<10]) + stored + packed.suffix(8)
    #expect(try unpack(file, capacity: 5) == Unpacked(bytes: content, inputCount: file.count))
    var wrong = file
    wrong[13] ^= 1
    #expect(throws: DecompressionError.corrupt) { try unpack(wrong, capacity: 5) }
  }

  /// A frame by hand: single segment, a raw block, a repeated byte, an empty compressed-less end.
  @Test func zstandardPlainBlocks() throws {
    let file: [UInt8] = [
      0x28, 0xB5, 0x2F, 0xFD, 0x20, 8, 0x18, 0, 0, 1, 2, 3, 0x2B, 0, 0, 0x77,
    ]
    #expect(
      try unpack(file, capacity: 8) == Unpacked(bytes: [1, 2, 3, 0x77, 0x77, 0x77, 0x77, 0x77], inputCount: file.count))
    // The reserved block type, and a content size that is not met.
    var reserved = file
    reserved[12] |= 0x06
    #expect(throws: DecompressionError.corrupt) { try unpack(reserved, capacity: 8) }
    var longer = file
    longer[5] = 9
    #expect(throws: DecompressionError.corrupt) { try unpack(longer, capacity: 9) }
  }

  @Test func unsupported() throws {
    let bytes = Sample.short.bytes
    let sha256 = try Compressor("xz --check=sha256")(bytes)
    #expect(throws: DecompressionError.unsupportedCheck) { try unpack(sha256, capacity: 100) }
    for filter in ["--arm", "--delta", "--x86 --x86"] {
      let packed = try Compressor("xz \(filter) --lzma2")(bytes)
      #expect(throws: DecompressionError.unsupportedMethod, "\(filter)") { try unpack(packed, capacity: 100) }
    }
    // A frame header that names dictionary 5.
    let dictionary: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x21, 5, 0, 0x01, 0, 0]
    #expect(throws: DecompressionError.dictionaryRequired) { try unpack(dictionary, capacity: 100) }
    #expect(throws: DecompressionError.unknownFormat) { try unpack(Array("\u{7F}ELF plain".utf8), capacity: 100) }
  }

  @Test func smallWorkspace() throws {
    let packed = try Compressor("xz")(Sample.short.bytes)
    var memory = WorkspaceMemory()
    memory.words.removeLast()
    var output = [UInt8](repeating: 0, count: 100)
    #expect(throws: DecompressionError.workspaceTooSmall) { try memory.unpack(packed, into: &output) }
  }
}
