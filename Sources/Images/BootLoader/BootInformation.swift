// SPDX-License-Identifier: Apache-2.0

// What the boot loader told us, whichever multiboot version it speaks. Addresses are physical and still point into
// memory that the loader chose: copy what is needed, and reserve `occupied`, before anything else is written.

/// A file that the boot loader put into memory for us.
public struct BootModule: Equatable {
  /// Where the file lies.
  public var range: PhysicalRange
  /// Its command line, as the person wrote it.
  public var commandLine: PhysicalText

  /// A module at `range`.
  public init(range: PhysicalRange, commandLine: PhysicalText) {
    self.range = range
    self.commandLine = commandLine
  }
}

/// Which protocol the boot loader spoke.
public enum BootProtocol {
  /// Multiboot 0.6.96; the value in EAX at entry is 0x2badb002.
  case multiboot1
  /// Multiboot 2.0; the value in EAX at entry is 0x36d76289.
  case multiboot2
}

/// What the boot loader handed over.
public struct BootInformation {
  /// The protocol it was handed over by.
  public var bootProtocol: BootProtocol
  /// The firmware's memory map, unsorted and unchecked.
  public var memory = RawMemoryMap(placeholder: .placeholder)
  /// Entries of the memory map that did not fit.
  public var memoryEntriesDropped = 0
  /// The modules in order: the Domain 0 kernel, then its initial RAM disk, then others.
  public var modules = FixedList<8, BootModule>(placeholder: BootModule(range: .empty, commandLine: .empty))
  /// Modules that did not fit.
  public var modulesDropped = 0
  /// Our own command line.
  public var commandLine = PhysicalText.empty
  /// The boot loader's name.
  public var loaderName = PhysicalText.empty
  /// Command lines begin with the file's name. QEMU and older loaders do this, GRUB 2 does not.
  public var textsStartWithFileName = true
  /// A copy of the ACPI root pointer inside the information (multiboot2 tags 14 and 15), when there is one.
  public var rootPointer: PhysicalRange?
  /// The physical ranges that hold everything the other fields point to, the modules included.
  public var occupied = FixedList<40, PhysicalRange>(placeholder: .empty)

  /// Information without content.
  init(_ bootProtocol: BootProtocol) { self.bootProtocol = bootProtocol }

  /// Reads the information.
  ///
  /// - Parameters:
  ///   - magic: the value in EAX at entry, which says the protocol.
  ///   - address: the physical address in EBX at entry.
  ///   - memory: where to read.
  /// - Throws: `BootInformationError`; its message is for the person at the console.
  public static func read<Memory: PhysicalMemory & ~Copyable>(
    magic: UInt32, at address: UInt64, from memory: borrowing Memory
  ) throws(BootInformationError) -> BootInformation {
    var information: BootInformation
    switch magic {
    case 0x2bad_b002: information = try readMultiboot1(at: address, from: memory)
    case 0x36d7_6289: information = try readMultiboot2(at: address, from: memory)
    default: throw .unknownLoader
    }
    information.textsStartWithFileName = !information.isGRUB2(memory)
    return information
  }

  /// True when the loader's name begins with "GRUB 2" or "GRUB 3".
  private func isGRUB2<Memory: PhysicalMemory & ~Copyable>(_ memory: borrowing Memory) -> Bool {
    guard loaderName.length >= 6, memory.word32(at: loaderName.address) == 0x4255_5247,  // "GRUB"
      let digit = memory.byte(at: loaderName.address + 5)
    else { return false }
    return digit == UInt8(ascii: "2") || digit == UInt8(ascii: "3")
  }

  /// A command line of this information without the file name that some boot loaders put first.
  public func arguments<Memory: PhysicalMemory & ~Copyable>(
    of text: PhysicalText, in memory: borrowing Memory
  ) -> PhysicalText {
    guard textsStartWithFileName else { return text }
    let blank = UInt8(ascii: " ")
    var skipped = 0
    while skipped < text.length, memory.byte(at: text.address &+ UInt64(skipped)) == blank { skipped += 1 }
    while skipped < text.length, memory.byte(at: text.address &+ UInt64(skipped)) != blank { skipped += 1 }
    while skipped < text.length, memory.byte(at: text.address &+ UInt64(skipped)) == blank { skipped += 1 }
    return PhysicalText(address: text.address &+ UInt64(skipped), length: text.length - skipped)
  }

  /// Adds a memory map entry from its three raw numbers; counts it when it does not fit.
  mutating func addMemory(base: UInt64, length: UInt64, type: UInt32) {
    if length == 0 { return }
    let entry = MemoryRange(range: PhysicalRange(start: base, length: length), kind: MemoryKind(type: type))
    if !memory.append(entry) { memoryEntriesDropped += 1 }
  }

  /// Stands in for a memory map with the two numbers that the BIOS always had: KiB below 640 KiB, and KiB from 1 MiB
  /// on.
  mutating func addBasicMemory(lowerKiB: UInt32, upperKiB: UInt32) {
    addMemory(base: 0, length: UInt64(lowerKiB) << 10, type: MemoryKind.usable.rawValue)
    addMemory(base: 1 << 20, length: UInt64(upperKiB) << 10, type: MemoryKind.usable.rawValue)
  }

  /// Adds a module; counts it when it does not fit.
  mutating func addModule(start: UInt32, end: UInt32, commandLine: PhysicalText) throws(BootInformationError) {
    guard let range = PhysicalRange(start: UInt64(start), end: UInt64(end)) else { throw .invertedModule }
    if modules.append(BootModule(range: range, commandLine: commandLine)) {
      occupied.append(range)
    } else {
      modulesDropped += 1
    }
  }
}

/// Why the boot loader's information cannot be used.
public enum BootInformationError: Error {
  /// EAX held neither multiboot number.
  case unknownLoader
  /// The structure, or something it points to, cannot be read.
  case unreadable
  /// A size inside the structure contradicts itself.
  case malformed
  /// A text goes on for more than 16 KiB.
  case endlessText
  /// A module that ends before it starts.
  case invertedModule
  /// Neither a memory map nor memory sizes.
  case noMemoryMap

  /// What is wrong and what to do.
  public var message: StaticString {
    switch self {
    case .unknownLoader:
      "not started by a multiboot loader; use GRUB's multiboot or multiboot2 command, or qemu -kernel"
    case .unreadable:
      "the boot loader's information points outside memory; try another boot loader or version"
    case .malformed:
      "the boot loader's information is malformed; try another boot loader or version"
    case .endlessText:
      "a command line from the boot loader has no end within 16 KiB; shorten it"
    case .invertedModule:
      "the boot loader passed a module that ends before it starts; try another boot loader or version"
    case .noMemoryMap:
      "the boot loader passed no memory map; try another boot loader or version"
    }
  }
}
