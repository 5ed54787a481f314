// SPDX-License-Identifier: Apache-2.0
// The one entry of this target: unpacks whatever a Linux kernel or an initial ramdisk may be compressed with, told
// apart by its first bytes. Pure functions over spans: no heap, no I/O, no trap on any input.

/// What a decompression achieved, in bytes.
public struct Decompressed: Equatable, Sendable {
  /// How many bytes of the output hold the result. Those after it may have been overwritten.
  public let outputCount: Int
  /// How many bytes of the input belong to the compressed stream; what follows (the size that Linux appends to its
  /// payload, padding) was not looked at.
  public let inputCount: Int
}

/// The formats that can be decompressed.
public enum CompressionFormat: Equatable, Sendable {
  /// XZ container with LZMA2.
  case xz
  /// LZ4 legacy format, of `lz4 -l` and the Linux build.
  case lz4Legacy
  /// LZ4 frame format.
  case lz4Frame
  /// gzip (RFC 1952).
  case gzip
  /// Zstandard (RFC 8878).
  case zstandard

  /// The format whose magic number `bytes` starts with.
  init?(prefixOf bytes: Span<UInt8>) {
    var reader = ByteReader(bytes)
    guard let low = try? reader.littleEndian16() else { return nil }
    if low == 0x8B1F {
      self = .gzip
      return
    }
    guard let high = try? reader.littleEndian16() else { return nil }
    switch high &<< 16 | low {
    case LZ4Legacy.magic: self = .lz4Legacy
    case LZ4Frame.magic: self = .lz4Frame
    case Zstandard.magic, Zstandard.skippableMagic...(Zstandard.skippableMagic &+ 15): self = .zstandard
    case Int(XZ.magic & 0xFFFF_FFFF):
      guard let rest = try? reader.littleEndian16(), rest == Int(XZ.magic &>> 32) else { return nil }
      self = .xz
    default: return nil
    }
  }
}

/// The compression format that `input` starts with, or nil.
public func identify(_ input: Span<UInt8>) -> CompressionFormat? { CompressionFormat(prefixOf: input) }

/// Decompresses the stream at the start of `input` into the start of `output`, whatever its format.
///
/// Several streams of the same format in a row are taken as one, as the tools do; the first bytes that start none end
/// the input.
/// - Parameters:
///   - workspace: scratch memory; see `Workspace` for its size.
/// - Throws: any `DecompressionError`; `output` then holds nothing of use.
public func decompress(
  _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout Workspace
) throws(DecompressionError) -> Decompressed {
  switch identify(input) {
  case .xz: return try XZ.decompress(input, into: &output, workspace: &workspace)
  case .lz4Legacy: return try LZ4Legacy.decompress(input, into: &output)
  case .lz4Frame: return try LZ4Frame.decompress(input, into: &output)
  case .gzip: return try Gzip.decompress(input, into: &output, workspace: &workspace)
  case .zstandard: return try Zstandard.decompress(input, into: &output, workspace: &workspace)
  case nil: throw .unknownFormat
  }
}
