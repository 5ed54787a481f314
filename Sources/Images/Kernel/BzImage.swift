// SPDX-License-Identifier: Apache-2.0

// The header of a Linux bzImage, as far as it leads to the ELF kernel inside (Linux Documentation/x86/boot.rst). The
// real-mode and decompressing parts around the payload are for bare machines and are not run.

/// Byte offsets of the header fields.
private enum Offset {
  static let setupSectors: UInt64 = 0x1f1
  static let bootFlag: UInt64 = 0x1fe
  static let magic: UInt64 = 0x202
  static let version: UInt64 = 0x206
  static let payloadOffset: UInt64 = 0x248
  static let payloadLength: UInt64 = 0x24c
}

/// A bzImage whose payload is known to lie inside the file.
public struct BzImage {
  /// Boot protocol version, as 0x020f for 2.15.
  public let protocolVersion: UInt16
  /// How the payload is compressed.
  public let compression: Compression
  /// The compressed kernel, in bytes of the file, without the size that follows it.
  public let payload: FileRange
  /// Bytes of the kernel when decompressed, as the builder of the image recorded it. A hint from a file: check it.
  public let uncompressedLength: Int

  /// True when the file has the bzImage magic numbers.
  static func isRecognized(_ file: Span<UInt8>) -> Bool {
    file.field16(at: Offset.bootFlag) == 0xaa55 && file.field32(at: Offset.magic) == 0x5372_6448  // "HdrS"
  }

  /// Finds the payload.
  ///
  /// - Throws: `KernelError.notAKernel`, `.oldBzImage`, `.truncatedBzImage`, `.unknownCompression`.
  public init(_ file: Span<UInt8>) throws(KernelError) {
    guard Self.isRecognized(file) else { throw .notAKernel }
    guard let sectors = file.field8(at: Offset.setupSectors), let version = file.field16(at: Offset.version) else {
      throw .truncatedBzImage
    }
    guard version >= 0x0208 else { throw .oldBzImage }
    guard let offset = file.field32(at: Offset.payloadOffset), let length = file.field32(at: Offset.payloadLength)
    else {
      throw .truncatedBzImage
    }
    // The boot sector and the setup sectors come first; a count of zero means four.
    let protectedMode = (UInt64(sectors == 0 ? 4 : sectors) + 1) * 512
    guard offset != 0, length > 4,
      let whole = FileRange(offset: protectedMode + UInt64(offset), length: UInt64(length), fileSize: file.count),
      let recorded = file.field32(at: UInt64(whole.end - 4))
    else { throw .truncatedBzImage }
    guard let compression = Compression(file.extracting(whole.range)) else { throw .unknownCompression }

    // In a gzip file the size is the format's own last field; after the other formats the kernel's build appends it.
    let appended = compression == .gzip ? 0 : 4
    guard
      let payload = FileRange(
        offset: UInt64(whole.offset), length: UInt64(whole.length - appended), fileSize: file.count)
    else { throw .truncatedBzImage }
    self.protocolVersion = version
    self.compression = compression
    self.payload = payload
    self.uncompressedLength = Int(recorded)
  }
}
