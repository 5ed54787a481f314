// SPDX-License-Identifier: Apache-2.0
// Who owns each frame of memory, as what it is used, and how often.
//
// Every frame has four words.
//
//   count word   bit 63: allocated to a domain. Bit 62: shared by the hypervisor with its owner. Bit 61: holds old data.
//                Bit 60: the allocation has ended, references are left. Bit 59: others than the owner have mapped it. Bits 31
//                to 0: how many references exist of any kind; the allocation itself is one.
//   type word    bits 63 to 60: the type. Bit 59: validated. Bit 58: partial (validation or teardown stopped half-way).
//                Bit 57: pinned. Bit 56: dying (being taken apart). Bit 55: active (being validated just now). Bit 54: unsettled
//                (given anew; CPUs may have translations from the old type). Bit 53: retaken (since it had one use, it has had
//                more). Bits 31 to 0: how many uses of the frame as this type exist.
//   owner word   bits 15 to 0: the owning domain. Bits 31 to 16: progress through a page table, in entries, while partial.
//                Bits 63 to 32: for L2 to L4, how many linear references join it with tables of its own level.
//   link word    while the frame has no type uses: the flush clock when it lost the last one. While free: the next free frame.
//                While queued for teardown: the next in the queue.
//
// The types exclude each other: none, writable, level 1 to 4 page table, descriptor page. The rules:
//
//   I1  A type changes only while its use count is zero.
//   I2  A frame has a use as page table only if all its entries are valid for its owner (validated), or the one that brings
//       that about is at work on it under the domain's page-table lock (partial).
//   I3  Each present entry of a validated table holds a reference to what it points to: L1 entries a general one, and a
//       writable use where the entry allows writing; entries of higher levels a general one and a use as the next level down.
//   I4  A pin holds one general reference and one use as its type.
//   I5  Each type use comes with a general reference.
//   I6  A frame is given back to the allocator only when its count is zero.
//   F1  A frame gets a new type only when no CPU can still have a translation from its old use (flush clock, see TLB).
//
// `FrameLedger+Invariants.swift` recounts I3 to I5 from the tables in debug builds; each rule has a test by its name.
//
// Counts change by compare-and-exchange, because another domain may hold or drop references at any time. Validation state
// changes only under the owner's page-table lock.
import Machine
import XenABI

/// What a frame is used as. The raw value stands in the type word.
public enum FrameType: UInt64 {
  case none = 0
  case writable = 1
  case level1 = 2
  case level2 = 3
  case level3 = 4
  case level4 = 5
  case descriptors = 6

  /// The type of a page table of `level` (1 to 4).
  @inlinable public static func pageTable(_ level: Int) -> FrameType {
    switch level {
    case 1: .level1
    case 2: .level2
    case 3: .level3
    default: .level4
    }
  }

  /// The level of a page table, or nil.
  @inlinable public var level: Int? {
    rawValue >= 2 && rawValue <= 5 ? Int(rawValue) - 1 : nil
  }
}

/// A frame's type word, taken apart.
public struct TypeWord: Equatable, BitwiseCopyable {
  /// The word as it stands in the ledger.
  public var raw: UInt64
  /// The word with these bits.
  @inlinable public init(_ raw: UInt64) { self.raw = raw }

  /// All entries are valid for the owner.
  public static let validated: UInt64 = 1 &<< 59
  /// Validation or teardown stopped half-way.
  public static let partial: UInt64 = 1 &<< 58
  /// A pin holds a use.
  public static let pinned: UInt64 = 1 &<< 57
  /// A new type has been given, and CPUs may still have translations from the old one: nobody uses it before they have flushed.
  public static let unsettled: UInt64 = 1 &<< 54
  /// The frame has had a second use since it last had one: who drops the last one must take the time anew (F1).
  static let retaken: UInt64 = 1 &<< 53
  static let countMask: UInt64 = 0xffff_ffff

  /// The type; an unused number cannot stand there.
  @inlinable @inline(__always)
  public var type: FrameType { FrameType(rawValue: raw &>> 60) ?? .none }
  /// Whether it is the word of a table of `level` (1 to 4).
  @inlinable @inline(__always)
  public func isTable(level: Int) -> Bool { raw &>> 60 == UInt64(truncatingIfNeeded: level) &+ 1 }
  /// How many uses exist.
  @inlinable public var count: UInt64 { raw & 0xffff_ffff }
  /// Whether it is validated.
  @inlinable public var isValidated: Bool { raw & TypeWord.validated != 0 }
  /// Whether it is partial.
  @inlinable public var isPartial: Bool { raw & TypeWord.partial != 0 }
  /// Whether CPUs may still have translations from an older type (F1).
  @inlinable public var isUnsettled: Bool { raw & TypeWord.unsettled != 0 }
  /// Whether it is pinned.
  @inlinable public var isPinned: Bool { raw & TypeWord.pinned != 0 }

  /// The word with one more use, which must not be the first of a new type.
  @inline(__always)
  var withOneMoreUse: UInt64 { count == 0 ? raw &+ 1 : (raw &+ 1) | TypeWord.retaken }

  /// A word of a type with a count and flags.
  @inlinable public init(_ type: FrameType, count: UInt64, flags: UInt64 = 0) {
    raw = type.rawValue &<< 60 | flags | count
  }
}

/// The ledger of all frames. There is one; every operation is safe on any frame number.
public struct FrameLedger: ~Copyable, Anchored {
  /// The ledger's own slot.
  public static var anchorSlot: AnchorSlot { .frameLedger }

  // Three words, so that it is passed around in registers; all else is behind `rest`.
  let words: AtomicRecords
  let rest: Ref<LedgerRest>

  /// How many frames each domain owns and may own.
  @inline(__always)
  public var accounts: OwnerAccounts { rest[].accounts }
  /// How many frames the ledger covers.
  @inline(__always)
  public var frameCount: UInt64 { words.count }

  static let allocated: UInt64 = 1 &<< 63
  static let countMask: UInt64 = 0xffff_ffff
  /// Counts stop here: more references are refused, so that a count never wraps.
  static let countLimit: UInt64 = 0xf000_0000

  /// How many frames the ledger of `frames` frames takes.
  public static func framesNeeded(for frames: UInt64) -> UInt64 {
    AtomicRecords.framesNeeded(for: frames) &+ OwnerAccounts.framesNeeded &+ Ref<LedgerRest>.framesNeeded
  }

  /// An empty ledger in `framesNeeded(for:)` frames from `storage` on. Every frame starts as device memory (DOMID_IO).
  public init(storage: MachineFrame, frames: UInt64) {
    words = AtomicRecords(first: storage, count: frames)
    let accounts = storage + AtomicRecords.framesNeeded(for: frames)
    rest = Ref<LedgerRest>.create(
      in: accounts + OwnerAccounts.framesNeeded, LedgerRest(accounts: OwnerAccounts(storage: accounts, frames: frames)))
    for number in 0..<frames { words.store(ownerIndex(MachineFrame(number)), UInt64(DomainID.io.raw)) }
  }

  /// Runs `body` with the allocator, alone, and the ledger it works over.
  func withAllocator<R>(_ body: (inout FrameAllocator, borrowing FrameLedger) -> R) -> R {
    // The allocator works over the ledger itself: give it that by the anchor.
    rest[].allocator.withLock { allocator in body(&allocator, Ref<FrameLedger>.shared[]) }
  }

  /// Whether the ledger knows the frame: others are device memory beyond all RAM.
  @inline(__always)
  public func covers(_ frame: MachineFrame) -> Bool { frame.number < words.count }

  @inline(__always) func countIndex(_ frame: MachineFrame) -> RecordWord { RecordWord(frame.number, word: 0) }
  @inline(__always) func typeIndex(_ frame: MachineFrame) -> RecordWord { RecordWord(frame.number, word: 1) }
  @inline(__always) func ownerIndex(_ frame: MachineFrame) -> RecordWord { RecordWord(frame.number, word: 2) }
  @inline(__always) func linkIndex(_ frame: MachineFrame) -> RecordWord { RecordWord(frame.number, word: 3) }

  /// The owner at this moment. It stays so only while the caller holds a reference.
  @inline(__always)
  public func owner(_ frame: MachineFrame) -> DomainID {
    covers(frame) ? DomainID(UInt16(truncatingIfNeeded: words.load(ownerIndex(frame)))) : .io
  }

  /// The type word at this moment.
  @inline(__always)
  public func type(_ frame: MachineFrame) -> TypeWord {
    covers(frame) ? TypeWord(words.load(typeIndex(frame))) : TypeWord(0)
  }

  /// How many references of any kind exist.
  public func count(_ frame: MachineFrame) -> UInt64 {
    covers(frame) ? words.load(countIndex(frame)) & FrameLedger.countMask : 0
  }

  /// Whether the frame is allocated: to a domain, or shared by the hypervisor.
  public func isAllocated(_ frame: MachineFrame) -> Bool {
    covers(frame) && words.load(countIndex(frame)) & FrameLedger.allocated != 0
  }
}

/// What of the ledger is needed less often than the words of frames.
struct LedgerRest: ~Copyable {
  let accounts: OwnerAccounts
  var allocator = Lock<FrameAllocator>(.frameAllocator, FrameAllocator())
  /// Device frames that nobody may map.
  var forbiddenDevices = SmallFrameSet()
  /// The flush clock when a domain's frame was last freed: who allocates afterwards settles it (F1).
  var freeStamp = AtomicWord(0)
  /// When a scrubber last had others flush (`Stretch.time`).
  var scrubbersFlush = AtomicWord(0)
  /// Not zero after a reference went that the end of its frame's owner may have waited for.
  var endNotice = AtomicWord(0)

  init(accounts: OwnerAccounts) { self.accounts = accounts }
}

extension FrameLedger {
  /// Device frames that nobody may map.
  public var forbiddenDevices: SmallFrameSet {
    get { rest[].forbiddenDevices }
    nonmutating set { rest[].forbiddenDevices = newValue }
  }
}
