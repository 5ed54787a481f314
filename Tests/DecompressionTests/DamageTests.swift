// SPDX-License-Identifier: Apache-2.0
// No damage may trap, and none that a checksum covers may pass: every small file is cut at every byte and has every bit
// turned over, one at a time.
import Decompression
import Testing

@Suite struct DamageTests {
  /// Text with matches, far enough apart for every kind of symbol, and a few opcodes.
  static let content: [UInt8] =
    Array("martlet martlets: swift, swallow, swiftlet; ".utf8) + [0xE8, 1, 2, 0, 0, 0x90, 0xE9, 0xF0, 0xFF, 0xFF, 0xFF]
    + Array(repeating: 0, count: 40) + Array("swallows and swiftlets and martlets".utf8)

  /// Formats in which a checksum covers all that decides about the content.
  static let checked = [
    "xz --check=crc32 --x86 --lzma2=lc=0", "xz --lzma2=lc=0", "xz --lzma2=lc=0 --block-size=64", "lz4 -9",
    "lz4 -B4 -BX -BD", "gzip -9", "gzip -1", "zstd -19", "zstd -1",
  ].map(Compressor.init)
  /// Formats without.
  static let unchecked = [
    "xz --check=none --lzma2=lc=0", "lz4 -l -9", "lz4 --no-frame-crc", "zstd -19 --no-check", "zstd -1 --no-check",
  ].map(Compressor.init)

  @Test(arguments: checked + unchecked) func truncated(_ tool: Compressor) throws {
    let packed = try tool(Self.content)
    var memory = WorkspaceMemory()
    var output = [UInt8](repeating: 0, count: Self.content.count)
    for count in 0..<packed.count {
      let prefix = Array(packed[..<count])
      do throws(DecompressionError) {
        let result = try memory.unpack(prefix, into: &output)
        // Only the LZ4 legacy format cannot tell: it ends where the input does.
        #expect(identify(packed.span) == .lz4Legacy && result.outputCount == 0 && count <= 8, "cut to \(count)")
      } catch {
        #expect(error == (identify(prefix.span) == nil ? .unknownFormat : .truncated), "cut to \(count)")
      }
    }
  }

  @Test(arguments: checked) func flippedIsFoundOrHarmless(_ tool: Compressor) throws {
    try flip(try tool(Self.content)) { bytes in #expect(bytes == Self.content[...]) }
  }

  @Test(arguments: unchecked) func flippedDoesNotTrap(_ tool: Compressor) throws {
    try flip(try tool(Self.content)) { bytes in #expect(bytes.count <= 2 * Self.content.count) }
  }

  /// Decompresses `packed` with each bit turned over in turn, and shows what came out of those that did not fail.
  private func flip(_ packed: [UInt8], _ check: (ArraySlice<UInt8>) -> Void) throws {
    var memory = WorkspaceMemory()
    var output = [UInt8](repeating: 0, count: 2 * Self.content.count)
    var damaged = packed
    for index in packed.indices {
      for bit in 0..<8 {
        damaged[index] ^= 1 << bit
        if let result = try? memory.unpack(damaged, into: &output) {
          #expect(result.inputCount <= damaged.count)
          check(output[..<result.outputCount])
        }
        damaged[index] ^= 1 << bit
      }
    }
  }

  /// Random bytes behind each format's first bytes, and random damage to larger files.
  @Test func randomDamage() throws {
    var random = SplitMix(state: 7)
    var memory = WorkspaceMemory()
    var output = [UInt8](repeating: 0, count: 6_000)
    let content = Array(Sample.mixture.bytes[38_000..<43_000])
    for tool in Self.checked {
      let packed = try tool(content)
      for _ in 0..<40 {
        var damaged = packed
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        if let result = try? memory.unpack(damaged, into: &output) {
          #expect(output[..<result.outputCount] == content[...])
        }
        for index in 16..<damaged.count { damaged[index] = UInt8.random(in: 0...255, using: &random) }
        if let result = try? memory.unpack(damaged, into: &output) { #expect(result.outputCount <= output.count) }
      }
    }
  }
}
