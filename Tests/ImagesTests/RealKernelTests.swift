// SPDX-License-Identifier: Apache-2.0

// The same parsers over real files, where a folder with them is given: `vmlinuz`, `vmlinux` (what is inside it),
// `gnumach` (unpacked) and `grub-x86_64-xen.bin`, `grub-i386-xen.bin`.

import Foundation
import Testing

@testable import Images

private let folder = ProcessInfo.processInfo.environment["MARTLET_REAL_KERNELS"]

private func contents(_ name: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder ?? "")/\(name)")))
}

@Suite(.enabled(if: folder != nil)) struct RealKernelTests {
  @Test func debianBzImage() throws {
    let file = try contents("vmlinuz")
    let image = try BzImage(file.span)
    #expect(image.compression == .xz)
    #expect(image.uncompressedLength == (try contents("vmlinux")).count)
    #expect(file[image.payload.offset..<(image.payload.offset + 6)].elementsEqual([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]))
    // An XZ stream ends in "YZ".
    #expect(file[(image.payload.end - 2)..<image.payload.end].elementsEqual(Array("YZ".utf8)))
  }

  @Test func debianKernel() throws {
    let (image, notes, layout) = try load(contents("vmlinux"))
    #expect(image.segments.count == 4)
    #expect(notes.mayBeDomain0 && notes.moduleByFrame && notes.required == .writablePageTables)
    #expect(layout.virtualBase == 0xffff_ffff_8000_0000 && layout.initialP2M == 0x80_0000_0000)
    #expect(layout.entry > layout.virtualStart)
  }

  @Test func gnuMach() throws {
    let (_, notes, layout) = try load(contents("gnumach"))
    #expect(notes.source == .guestSection)
    #expect(layout.entry == 0x4000_0000 && layout.hypercallPage == 0x4000_2000)
  }

  @Test func grub() throws {
    let (image, notes, layout) = try load(contents("grub-x86_64-xen.bin"))
    #expect(notes.source == .segments && layout.entry == 0 && layout.virtualStart == 0)
    #expect(image.segments.count == 2)
    #expect(failure(try contents("grub-i386-xen.bin")) == .elf32)
  }
}
