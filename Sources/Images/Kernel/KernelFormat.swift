// SPDX-License-Identifier: Apache-2.0

// What sort of file a kernel module is, by its first bytes. Compressed files come up twice: as a bzImage's payload, and
// as a whole file (GNU Mach is shipped as a gzipped ELF).

/// Compression formats, by the magic numbers listed in Linux's boot protocol (Documentation/x86/boot.rst,
/// `payload_offset`).
public enum Compression: Sendable {
  /// Not compressed: an ELF file.
  case none
  /// gzip: 1f 8b.
  case gzip
  /// bzip2: 42 5a.
  case bzip2
  /// LZMA: 5d 00.
  case lzma
  /// XZ: fd 37.
  case xz
  /// LZ4 in its legacy frame: 02 21.
  case lz4
  /// Zstandard: 28 b5.
  case zstandard

  /// The format of data that starts with these bytes, or nil when it is none of these.
  public init?(_ data: Span<UInt8>) {
    switch data.field16(at: 0) {
    case 0x8b1f, 0x9e1f: self = .gzip
    case 0x5a42: self = .bzip2
    case 0x005d: self = .lzma
    case 0x37fd: self = .xz
    case 0x2102: self = .lz4
    case 0xb528: self = .zstandard
    case 0x457f where data.field32(at: 0) == elfMagic: self = .none
    default: return nil
    }
  }
}

/// What a kernel file is.
public enum KernelFormat {
  /// An ELF file; `ELFImage.init` says whether it is one for us.
  case elf
  /// A Linux bzImage; `BzImage.init` finds the payload.
  case bzImage
  /// A compressed file, to be decompressed and looked at again.
  case compressed(Compression)

  /// Recognises a file.
  ///
  /// - Throws: `KernelError.tooShort`, `.notAKernel`.
  public static func detect(_ file: Span<UInt8>) throws(KernelError) -> KernelFormat {
    if file.count < 16 { throw .tooShort }
    if file.field32(at: 0) == elfMagic { return .elf }
    if BzImage.isRecognized(file) { return .bzImage }
    if let compression = Compression(file) { return .compressed(compression) }
    throw .notAKernel
  }
}

/// The first four bytes of an ELF file (ELFMAG), as a little-endian number.
let elfMagic: UInt32 = 0x464c_457f
