// SPDX-License-Identifier: Apache-2.0
// ELF files, Xen notes and the layout that follows, right and wrong.

import Testing

@testable import Images

/// One ELF note.
func note(_ type: UInt32, _ description: [UInt8], name: String = "Xen") -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.add(UInt64(name.utf8.count + 1), 4)
  bytes.add(UInt64(description.count), 4)
  bytes.add(UInt64(type), 4)
  bytes += Array(name.utf8) + [0]
  bytes.pad(to: 4)
  bytes += description
  bytes.pad(to: 4)
  return bytes
}

func note(_ type: UInt32, _ text: String) -> [UInt8] { note(type, Array(text.utf8) + [0]) }

func note(_ type: UInt32, _ value: UInt64, size: Int = 8) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.add(value, size)
  return note(type, bytes)
}

/// The notes of Debian's linux-image-6.1 vmlinux, as readelf prints them.
let linuxNotes: [UInt8] =
  note(6, "linux") + note(7, "2.6") + note(5, "xen-3.0") + note(3, 0xffff_ffff_8000_0000) + note(15, 0x80_0000_0000)
  + note(1, 0xffff_ffff_8307_91c0) + note(10, Array("!writable_page_tables|pae_pgdir_above_4gb".utf8))
  + note(17, 0x8801, size: 4) + note(9, "yes") + note(8, "generic")
  + note(13, [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]) + note(14, 1, size: 4) + note(16, 1, size: 4)
  + note(12, 0xffff_8000_0000_0000) + note(4, 0) + note(3, Array(repeating: 9, count: 20), name: "GNU")
  + note(18, 0x100_0850)

/// The addresses of that kernel's segments; the third is the per-CPU area with its virtual address of zero.
let linuxSegments: [(virtual: UInt64, physical: UInt64, file: Int, memory: UInt64)] = [
  (0xffff_ffff_8100_0000, 0x100_0000, 32, 0x18e_a9f0), (0xffff_ffff_82a0_0000, 0x2a0_0000, 16, 0x64_4000),
  (0, 0x304_4000, 8, 0x3_5000), (0xffff_ffff_8307_9000, 0x307_9000, 8, 0x198_7000),
]

/// Builds an ELF file: headers, the segments' bytes, the notes, then optionally sections `.note.Xen` and `__xen_guest`.
func elf(
  segments: [(virtual: UInt64, physical: UInt64, file: Int, memory: UInt64)] = linuxSegments,
  notes: [UInt8]? = linuxNotes,
  sectionNotes: [UInt8]? = nil, guest: String? = nil, entry: UInt64 = 0x100_0000
) -> [UInt8] {
  var file = [UInt8](repeating: 0, count: 64)
  file.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  file.set(16, 2, 2)
  file.set(18, 62, 2)
  file.set(20, 1, 4)
  file.set(24, entry, 8)
  file.set(32, 64, 8)
  file.set(54, 56, 2)
  file.set(56, UInt64(segments.count + (notes == nil ? 0 : 1)), 2)
  var contents = 64 + 56 * (segments.count + (notes == nil ? 0 : 1))
  for segment in segments {
    file.add(1, 4)
    file.add(5, 4)
    file.add(UInt64(contents), 8)
    file.add(segment.virtual, 8)
    file.add(segment.physical, 8)
    file.add(UInt64(segment.file), 8)
    file.add(segment.memory, 8)
    file.add(4096, 8)
    contents += segment.file
  }
  if let notes {
    file.add(4, 4)
    file.add(4, 4)
    for value in [contents, 0, 0, notes.count, notes.count, 4] { file.add(UInt64(value), 8) }
  }
  for segment in segments { file += (0..<segment.file).map { UInt8(truncatingIfNeeded: $0) } }
  file += notes ?? []
  if sectionNotes != nil || guest != nil {
    file.pad(to: 8)
    let names = Array("\0.note.Xen\0__xen_guest\0.shstrtab\0".utf8)
    let text = Array((guest ?? "").utf8) + [0]
    let start = file.count
    file += names + text + (sectionNotes ?? [])
    file.pad(to: 8)
    let table = file.count
    let parts: [(UInt64, UInt64, Int, Int)] = [
      (0, 0, 0, 0), (1, 7, start + names.count + text.count, sectionNotes?.count ?? 0),
      (guest == nil ? 1 : 11, 1, start + names.count, text.count), (23, 3, start, names.count),
    ]
    for (name, type, offset, size) in parts {
      file.add(name, 4)
      file.add(type, 4)
      file.add(0, 8)
      file.add(0, 8)
      file.add(UInt64(offset), 8)
      file.add(UInt64(size), 8)
      file += [UInt8](repeating: 0, count: 24)
    }
    file.set(40, UInt64(table), 8)
    file.set(58, 64, 2)
    file.set(60, 4, 2)
    file.set(62, 3, 2)
  }
  return file
}

func load(_ file: [UInt8]) throws(KernelError) -> (image: ELFImage, notes: XenNotes, layout: KernelLayout) {
  let span = file.span
  let image = try ELFImage(span)
  let notes = try XenNotes.read(from: image, file: span)
  return (image, notes, try KernelLayout(image, notes))
}

/// The error of loading a file, or nil.
func failure(_ file: [UInt8]) -> KernelError? {
  do throws(KernelError) {
    _ = try load(file)
    return nil
  } catch {
    return error
  }
}

private func text(_ range: FileRange?, _ file: [UInt8]) -> String? {
  range.map { String(decoding: file[$0.range], as: UTF8.self) }
}

@Suite struct KernelTests {
  @Test func linuxIsUnderstood() throws {
    let file = elf()
    let (image, notes, layout) = try load(file)
    #expect(image.segments.count == 4)
    #expect(image.physicalStart == 0x100_0000 && image.physicalEnd == 0x4a0_0000)
    #expect(notes.source == .segments)
    #expect(text(notes.guestOS, file) == "linux" && text(notes.guestVersion, file) == "2.6")
    #expect(text(notes.loader, file) == "generic" && text(notes.paeMode, file) == "yes")
    #expect(notes.required == .writablePageTables)
    #expect(
      notes.supported == [.writablePageTables, .pageDirectoryAbove4GiB, .domain0, .unrestrictedRootPointer])
    #expect(notes.hasFeatureWord && notes.mayBeDomain0 && notes.suspendCancel && notes.moduleByFrame)
    #expect(notes.l1Valid == L1ValidPattern(mask: 1, value: 1))
    #expect(notes.hypervisorStartLow == 0xffff_8000_0000_0000 && notes.physicalEntry32 == 0x100_0850)
    #expect(layout.virtualStart == 0xffff_ffff_8100_0000 && layout.virtualEnd == 0xffff_ffff_84a0_0000)
    #expect(layout.entry == 0xffff_ffff_8307_91c0 && layout.initialP2M == 0x80_0000_0000)
    #expect(layout.hypercallPage == nil)
    #expect(layout.virtualAddress(of: image.segments[2]) == 0xffff_ffff_8304_4000)
    #expect(layout.domainAddress(of: image.segments[2]) == 0x304_4000)
  }

  @Test func gnuMachIsUnderstood() throws {
    // Its notes have the wrong name, its physical addresses are the virtual ones, and its entry point is e_entry.
    let guest =
      "GUEST_OS=GNU Mach,GUEST_VERSION=1.3,XEN_VER=xen-3.0,VIRT_BASE=0x40000000,ELF_PADDR_OFFSET=0x40000000,"
      + "HYPERCALL_PAGE=0x2,LOADER=generic"
    let file = elf(
      segments: [(0x4000_0000, 0x4000_0000, 16, 0x77cfc), (0x4007_9000, 0x4007_9000, 16, 0x289f0)], notes: nil,
      sectionNotes: note(6, Array("GNU Mach\0".utf8), name: "name"), guest: guest, entry: 0x4000_0000)
    let (image, notes, layout) = try load(file)
    #expect(notes.source == .guestSection)
    #expect(text(notes.guestOS, file) == "GNU Mach")
    #expect(layout.entry == 0x4000_0000 && layout.hypercallPage == 0x4000_2000)
    #expect(layout.domainAddress(of: image.segments[1]) == 0x7_9000)
    #expect(layout.virtualAddress(of: image.segments[1]) == 0x4007_9000)
  }

  @Test func theOldDefaultOfThePhysicalOffsetIsTheVirtualBase() throws {
    let file = elf(
      segments: [(0xc000_0000, 0xc000_0000, 16, 0x5000)], notes: nil,
      guest: "VIRT_BASE=0xC0000000,bimodal,FEATURES=dom0|something_new,BSD_SYMTAB=yes", entry: 0xc000_0000)
    let (_, notes, layout) = try load(file)
    #expect(layout.virtualStart == 0xc000_0000 && notes.wantsSymbolTable && notes.supported == .domain0)
  }

  @Test func notesMayStandInSectionsOnly() throws {
    let (_, notes, _) = try load(elf(notes: nil, sectionNotes: linuxNotes))
    #expect(notes.source == .sections && notes.entry == 0xffff_ffff_8307_91c0)
  }

  @Test func foreignFilesAreNamed() {
    #expect(failure([1, 2, 3]) == .tooShort)
    #expect(failure([UInt8](repeating: 0, count: 100)) == .notAKernel)
    var file = elf()
    file[4] = 1
    #expect(failure(file) == .elf32)
    file = elf()
    file.set(18, 183, 2)
    #expect(failure(file) == .elfForeign)
    #expect(failure(elf(segments: [], notes: linuxNotes)) == .elfNoSegments)
    #expect(failure(elf(segments: [], notes: nil)) == .elfNoSegments)
    #expect(failure(Array(elf()[..<300])) == .elfTruncated)
  }

  @Test func badSegmentsAreRefused() {
    #expect(failure(elf(segments: [(0, 0x1000, 0x20, 0x10)])) == .elfBadSegment)
    #expect(failure(elf(segments: [(0, UInt64.max - 10, 8, 0x10)])) == .elfBadSegment)
    #expect(failure(elf(segments: [(0, 0x1000, 8, 0x1001), (0, 0x2000, 8, 8)])) == .elfOverlappingSegments)
    #expect(failure(elf(segments: [(0, 0x1000, 8, 0x1000), (0, 0x2000_0000_0000, 8, 8)])) == .elfTooLarge)
    #expect(
      failure(elf(segments: (0..<17).map { (0, UInt64($0) * 0x1000, 1, 16) }, notes: linuxNotes)) == .elfTooManyParts)
    // An empty segment takes up nothing and cannot overlap.
    let segments = linuxSegments + [(0, 0x100_0000, 0, 0)]
    #expect(failure(elf(segments: segments)) == nil)
  }

  @Test func badNotesAreRefused() {
    func withNotes(_ notes: [UInt8]) -> KernelError? { failure(elf(notes: notes)) }
    #expect(withNotes([]) == .noXenNotes)
    #expect(withNotes(note(18, 0x1000)) == .onlyPVH)
    #expect(failure(elf(notes: nil, sectionNotes: note(18, 0x1000))) == .onlyPVH)
    #expect(withNotes(linuxNotes + note(1, 5, size: 2)) == .badNumericNote)
    #expect(withNotes(linuxNotes + note(13, [1, 2, 3])) == .badNumericNote)
    #expect(withNotes(linuxNotes + note(5, "xen-4.0")) == .otherXenVersion)
    #expect(withNotes(linuxNotes + note(8, "odd")) == .otherLoader)
    #expect(withNotes(linuxNotes + note(10, "!flying")) == .unknownRequiredFeature)
    #expect(withNotes(linuxNotes + note(10, "flying||!dom0")) == nil)
    #expect(withNotes(linuxNotes + note(1, 0x1234)) == .badEntry)
    #expect(withNotes(linuxNotes + note(2, 0xffff_ffff_8100_0800)) == .badHypercallPage)
    #expect(withNotes(linuxNotes + note(2, 0xffff_ffff_84a0_0000)) == .badHypercallPage)
    #expect(withNotes(linuxNotes + note(2, 0xffff_ffff_8100_1000)) == nil)
    #expect(withNotes(linuxNotes + note(3, 0xffff_8000_0000_0000)) == .badVirtualBase)
    #expect(withNotes(linuxNotes + note(3, 0x7fff_ff00_0000)) == .badVirtualBase)
    #expect(withNotes(linuxNotes + note(3, 0xffff_ffff_ff00_0000)) == .badVirtualBase)
    #expect(withNotes(linuxNotes + note(4, 0x200_0000)) == .badVirtualBase)
    #expect(withNotes(linuxNotes + note(15, 0xffff_ffff_8200_0000)) == .badInitialP2M)
    #expect(withNotes(linuxNotes + note(15, 0xffff_8000_0000_0000)) == .badInitialP2M)
    #expect(withNotes(linuxNotes + note(15, 0x8000_0000_0000)) == .badInitialP2M)
    #expect(withNotes(linuxNotes + note(12, 0xffff_9000_0000_0000)) == .badHypervisorStart)
    var cut = linuxNotes
    cut.set(4, 4000, 4)
    #expect(withNotes(cut) == .badNote)
    // A note that ends in the file, but not in its segment.
    cut = linuxNotes
    cut.set(cut.count - 20, 12, 4)
    #expect(failure(elf(notes: cut, sectionNotes: linuxNotes)) == .badNote)
  }

  @Test func aKernelWithoutTheDomain0FeatureIsKnown() throws {
    let (_, notes, _) = try load(elf(notes: linuxNotes + note(17, 1, size: 4)))
    #expect(notes.mayBeDomain0)  // Words add up, as the string and the word do.
    let bare = note(3, 0xffff_ffff_8000_0000) + note(1, 0xffff_ffff_8307_91c0) + note(17, 1, size: 4)
    #expect(try load(elf(notes: bare)).notes.mayBeDomain0 == false)
  }

  @Test func damageNeverTraps() {
    let both = elf(notes: linuxNotes, sectionNotes: linuxNotes, guest: "VIRT_BASE=0x1000,HYPERCALL_PAGE=0x2")
    var refused = 0
    forEachDamage(both) { if failure($0) != nil { refused += 1 } }
    #expect(refused > 1000)
    let old = elf(
      segments: [(0, 0x4000_0000, 8, 0x4000)], notes: nil,
      guest: "VIRT_BASE=0x40000000,HYPERCALL_PAGE=0x2,FEATURES=!dom0|x", entry: 0x4000_0000)
    #expect(failure(old) == nil)
    forEachDamage(old) { _ = failure($0) }
  }

  @Test func noiseNeverTraps() {
    var random = Random(state: 5)
    let original = elf(notes: linuxNotes, sectionNotes: linuxNotes, guest: "VIRT_BASE=0x1000")
    let values: [UInt64] = [0, 1, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, UInt64.max, 64, 0xffff_ffff]
    for _ in 0..<5000 {
      var file = original
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let size = [1, 2, 4, 8].randomElement(using: &random)!
        file.set(Int.random(in: 0...(file.count - 8), using: &random), values.randomElement(using: &random)!, size)
      }
      _ = failure(file)
    }
  }
}
