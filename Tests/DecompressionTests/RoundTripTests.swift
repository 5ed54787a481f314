// SPDX-License-Identifier: Apache-2.0
// Whatever the real tools compress comes back as it was, is recognised by its first bytes, and fits exactly.
import Decompression
import Testing

@Suite struct RoundTripTests {
  static let xzTools = [
    "xz -0", "xz -6 --check=crc32", "xz -3e --check=none", "xz --x86=start=4096 --lzma2=preset=1",
    "xz --lzma2=lc=0,lp=0,pb=0", "xz --lzma2=lc=0,lp=4,pb=4",
    "xz --lzma2=lc=4,lp=0,pb=2,mode=fast,mf=hc3", "xz --block-size=10000 --check=crc64", "xz -T2 --block-size=7777",
  ].map(Compressor.init)
  static let lz4LegacyTools = ["lz4 -l", "lz4 -l -9", "lz4 -l -12"].map(Compressor.init)
  static let lz4FrameTools = [
    "lz4 -1", "lz4 -12", "lz4 -B4 -BD", "lz4 -B4 -BX", "lz4 -BI --no-frame-crc", "lz4 -B5 -BD -BX --content-size",
    "lz4 --fast=9",
  ].map(Compressor.init)
  static let gzipTools = ["gzip -1", "gzip -6", "gzip -9"].map(Compressor.init)
  static let zstandardTools = [
    "zstd -1", "zstd -3 --no-check", "zstd -5 -B8192", "zstd -9", "zstd -13 --no-check --single-thread", "zstd -19",
    "zstd --fast=5", "zstd -1 --no-compress-literals", "zstd -1 --compress-literals",
  ].map(Compressor.init)

  /// Settings that take much memory and time, the one of the Linux build first.
  static let heavyTools = [
    "xz --check=crc32 --x86 --lzma2=dict=32MiB", "xz -9e", "zstd --ultra -22", "zstd -19 --long=27",
    "zstd -3 -T2 -B512K",
  ].map(Compressor.init)

  @Test(arguments: RoundTripTests.xzTools) func xz(_ tool: Compressor) throws { try check(tool, .xz) }
  @Test(arguments: RoundTripTests.lz4LegacyTools) func lz4Legacy(_ tool: Compressor) throws {
    try check(tool, .lz4Legacy)
  }
  @Test(arguments: RoundTripTests.lz4FrameTools) func lz4Frame(_ tool: Compressor) throws { try check(tool, .lz4Frame) }
  @Test(arguments: RoundTripTests.gzipTools) func gzip(_ tool: Compressor) throws { try check(tool, .gzip) }
  @Test(arguments: RoundTripTests.zstandardTools) func zstandard(_ tool: Compressor) throws {
    try check(tool, .zstandard)
  }

  @Test(arguments: RoundTripTests.heavyTools) func heavy(_ tool: Compressor) throws {
    try check(tool, tool.arguments[0] == "xz" ? .xz : .zstandard, [.mixture])
  }

  private func check(
    _ tool: Compressor, _ format: CompressionFormat, _ samples: [Sample] = Sample.allCases
  ) throws {
    for sample in samples {
      let bytes = sample.bytes
      let packed = try tool(bytes)
      #expect(identify(packed.span) == format)
      let result = try unpack(packed, capacity: bytes.count)
      #expect(result.bytes == bytes, "\(sample)")
      #expect(result.inputCount == packed.count, "\(sample)")
      guard bytes.count > 0 else { continue }
      #expect(throws: DecompressionError.outputTooSmall, "\(sample)") {
        try unpack(packed, capacity: bytes.count - 1)
      }
    }
  }
}
