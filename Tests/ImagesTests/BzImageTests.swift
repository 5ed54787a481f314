// SPDX-License-Identifier: Apache-2.0
// Where a bzImage's payload is, and images that lie about it.

import Testing

@testable import Images

/// A bzImage with 3 setup sectors and a payload of `magic`, 100 bytes and the recorded size.
private func bzImage(magic: [UInt8] = [0xfd, 0x37, 0x7a, 0x58], sectors: UInt8 = 3) -> [UInt8] {
  let start = (Int(sectors == 0 ? 4 : sectors) + 1) * 512
  var file = [UInt8](repeating: 0, count: start + 0x40)
  file[0x1f1] = sectors
  file.set(0x1fe, 0xaa55, 2)
  file.set(0x202, 0x5372_6448, 4)
  file.set(0x206, 0x20f, 2)
  file.set(0x248, 0x40, 4)
  file.set(0x24c, UInt64(magic.count + 104), 4)
  file += magic + [UInt8](repeating: 7, count: 100)
  file.add(0x3ed_b2f4, 4)
  file += [UInt8](repeating: 0, count: 30)
  return file
}

private func payloadFailure(_ file: [UInt8]) -> KernelError? {
  do throws(KernelError) {
    _ = try BzImage(file.span)
    return nil
  } catch {
    return error
  }
}

@Suite struct BzImageTests {
  @Test func thePayloadIsFound() throws {
    let file = bzImage()
    let image = try BzImage(file.span)
    #expect(image.protocolVersion == 0x20f && image.compression == .xz)
    #expect(image.payload.range == 0x840..<(0x840 + 104))
    #expect(image.uncompressedLength == 0x3ed_b2f4)
  }

  @Test func zeroSetupSectorsMeanFour() throws {
    let file = bzImage(sectors: 0)
    #expect(try BzImage(file.span).payload.offset == 5 * 512 + 0x40)
  }

  @Test func aGzipPayloadKeepsItsOwnSize() throws {
    let file = bzImage(magic: [0x1f, 0x8b, 8, 0])
    let image = try BzImage(file.span)
    #expect(image.compression == .gzip && image.payload.length == 108)
    #expect(image.uncompressedLength == 0x3ed_b2f4)
  }

  @Test(arguments: [
    ([0x1f, 0x8b], Compression.gzip), ([0x42, 0x5a], .bzip2), ([0x5d, 0], .lzma), ([0xfd, 0x37], .xz),
    ([2, 0x21], .lz4),
    ([0x28, 0xb5], .zstandard), ([0x7f, 0x45, 0x4c, 0x46], .none),
  ])
  func formatsAreTold(magic: [UInt8], compression: Compression) throws {
    let file = bzImage(magic: magic + [1, 2, 3, 4])
    #expect(try BzImage(file.span).compression == compression)
  }

  @Test func filesAreRecognized() throws {
    func format(_ file: [UInt8]) -> String {
      do throws(KernelError) {
        switch try KernelFormat.detect(file.span) {
        case .elf: return "elf"
        case .bzImage: return "bzImage"
        case .compressed(let format): return "\(format)"
        }
      } catch {
        return "\(error)"
      }
    }
    #expect(format(bzImage()) == "bzImage")
    #expect(format(elf()) == "elf")
    #expect(format([0x1f, 0x8b] + [UInt8](repeating: 0, count: 30)) == "gzip")
    #expect(format(Array("070701 an initrd, not a kernel".utf8)) == "notAKernel")
    #expect(format([1]) == "tooShort")
  }

  @Test func faults() {
    var file = bzImage()
    file.set(0x206, 0x207, 2)
    #expect(payloadFailure(file) == .oldBzImage)
    file = bzImage()
    file.set(0x248, 0xffff_fff0, 4)
    #expect(payloadFailure(file) == .truncatedBzImage)
    file = bzImage()
    file.set(0x24c, 0x8000_0000, 4)
    #expect(payloadFailure(file) == .truncatedBzImage)
    #expect(payloadFailure(Array(bzImage()[..<0x880])) == .truncatedBzImage)
    #expect(payloadFailure(bzImage(magic: [9, 9, 9, 9])) == .unknownCompression)
    #expect(payloadFailure([UInt8](repeating: 0, count: 4096)) == .notAKernel)
  }

  @Test func damageNeverTraps() {
    var refused = 0
    forEachDamage(bzImage()) { if payloadFailure($0) != nil { refused += 1 } }
    #expect(refused > 1000)
  }
}
