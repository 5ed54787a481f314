// SPDX-License-Identifier: Apache-2.0
// What is counted for each domain that can own frames, by its number: how many it has and may have, who may translate through
// its tables, and in which parts of memory its frames are.
import Machine
import XenABI

/// How many frames each domain owns and may own, and which CPUs may translate through its tables.
///
/// Eight words for each number, a cache line: frames owned; the most it may own; CPUs 0 to 63 and 64 to 127 that may translate;
/// frames that the hypervisor shares with it; whether it is closed; a map of the memory that it has had frames in.
public struct OwnerAccounts {
  let words: AtomicTable
  /// A part of memory, of which there are 64 at most, has 2 to this power frames.
  let partShift: UInt64

  /// Frames for the table: eight words for each possible domain number.
  public static let framesNeeded: UInt64 = 512

  init(storage: MachineFrame, frames: UInt64) {
    words = AtomicTable(first: storage, frames: OwnerAccounts.framesNeeded)
    var shift: UInt64 = 0
    while frames &>> shift >= 64 { shift &+= 1 }
    partShift = shift
  }

  @inline(__always) func index(_ domain: DomainID) -> Int { Int(domain.raw & 0x7fff) &* 8 }

  /// Frames that the domain owns.
  public func owned(_ domain: DomainID) -> UInt64 { words.load(index(domain)) }

  /// Frames that the domain may own at most.
  public func limit(_ domain: DomainID) -> UInt64 { words.load(index(domain) &+ 1) }

  /// Sets what the domain may own at most; what it owns already stays.
  public func setLimit(_ domain: DomainID, _ frames: UInt64) { words.store(index(domain) &+ 1, frames) }

  /// Counts `frames` more as owned, unless that would pass the limit, or the domain is closed.
  func charge(_ domain: DomainID, _ frames: UInt64) -> Bool {
    var seen = words.load(index(domain))
    while true {
      let (sum, wrapped) = seen.addingReportingOverflow(frames)
      guard !wrapped, sum <= limit(domain), !isClosed(domain) else { return false }
      let found = words.compareExchange(index(domain), expected: seen, desired: sum)
      if found == seen { return true }
      seen = found
    }
  }

  func release(_ domain: DomainID, _ frames: UInt64) { words.fetchAdd(index(domain), 0 &- frames) }

  /// CPUs that may hold translations of the domain: those that have run it and not switched away since.
  @inline(__always)
  public func translating(_ domain: DomainID) -> CPUSet {
    var set = CPUSet()
    set.low = words.load(index(domain) &+ 2)
    set.high = words.load(index(domain) &+ 3)
    return set
  }

  /// Notes that a CPU is about to use the domain's page tables.
  public func startTranslating(_ domain: DomainID, cpu: Int) {
    words.fetchOr(index(domain) &+ (cpu < 64 ? 2 : 3), 1 &<< UInt64(cpu & 63))
  }

  /// Notes that a CPU has switched to other page tables.
  public func stopTranslating(_ domain: DomainID, cpu: Int) {
    words.fetchAnd(index(domain) &+ (cpu < 64 ? 2 : 3), ~(1 &<< UInt64(cpu & 63)))
  }
}

// ---- The end of an owner ----

extension OwnerAccounts {
  /// How many frames the hypervisor shares with the domain that are not free yet.
  public func shared(_ domain: DomainID) -> UInt64 { words.load(index(domain) &+ 4) }

  func chargeShared(_ domain: DomainID) { words.fetchAdd(index(domain) &+ 4, 1) }
  func releaseShared(_ domain: DomainID) { words.fetchAdd(index(domain) &+ 4, UInt64.max) }

  /// No more frames for the domain: it is being destroyed.
  public func close(_ domain: DomainID) { words.store(index(domain) &+ 5, 1) }

  /// Whether the domain gets no more frames.
  @inline(__always)
  public func isClosed(_ domain: DomainID) -> Bool { words.load(index(domain) &+ 5) != 0 }

  /// Makes the account that of nobody: the number may be given to a new domain. The old one must not own anything any more.
  public func reset(_ domain: DomainID) {
    precondition(owned(domain) == 0 && shared(domain) == 0 && translating(domain).isEmpty, "an owner of frames is gone")
    setLimit(domain, 0)
    words.store(index(domain) &+ 5, 0)
    words.store(index(domain) &+ 6, 0)
  }

  /// Notes in which parts of memory frames of the domain's are.
  @inline(__always)
  func noteFrames(_ domain: DomainID, _ first: MachineFrame, _ count: UInt64) {
    let (low, high) = (first.number &>> partShift, (first.number &+ count &- 1) &>> partShift)
    let bits = (UInt64.max &<< (low & 63)) & (UInt64.max &>> (63 &- high & 63))
    if words.load(index(domain) &+ 6) & bits != bits { words.fetchOr(index(domain) &+ 6, bits) }
  }

  /// Whether the domain may have had frames in the part of memory in which a frame lies.
  func mayOwnAround(_ domain: DomainID, _ frame: MachineFrame) -> Bool {
    words.load(index(domain) &+ 6) &>> (frame.number &>> partShift & 63) & 1 != 0
  }
}

extension FrameLedger {
  /// A reference to one of the owner's frames is gone. If its end may have waited for that, whoever looks after ends is told.
  public func noteLeft(_ owner: DomainID) {
    if accounts.isClosed(owner) { rest[].endNotice.store(1) }
  }

  /// Has whoever looks after ends look again.
  public func noteEnd() { rest[].endNotice.store(1) }

  /// The same, and then runs `look`, whose loads come after. Gives what `look` gives.
  public func noteEnd<R>(thenLook look: () -> R) -> R { rest[].endNotice.publish(1, thenLook: look) }

  /// Whether `noteLeft` has had something to tell.
  @inline(__always)
  public var hasEndNotice: Bool { rest[].endNotice.load() != 0 }

  /// Takes the notice away, before looking at what it may have meant.
  public func takeEndNotice() -> Bool { rest[].endNotice.exchange(0) != 0 }

  /// The next frame from `cursor` on that belongs to a domain and is in some use, but is not one that the hypervisor shares
  /// with it; `cursor` goes beyond it. Nil when there are no more (`cursor` is at the end) or after looking at `patience`
  /// frames.
  ///
  /// A domain's frames are not in a list: that would cost every allocation and every release two more cache lines of
  /// neighbours' records and a lock, and destruction happens once. Instead the account says in which 64ths of memory there can
  /// be any, so that small domains cost little; a domain all over 8 GiB costs a few milliseconds, in stretches.
  public func nextFrame(of owner: DomainID, cursor: inout UInt64, patience: inout Int) -> MachineFrame? {
    while cursor < frameCount {
      let frame = MachineFrame(cursor)
      if !accounts.mayOwnAround(owner, frame) {
        cursor = (cursor &>> accounts.partShift &+ 1) &<< accounts.partShift
        continue
      }
      guard patience > 0 else { return nil }
      patience &-= 1
      cursor &+= 1
      if self.owner(frame) == owner, count(frame) > 0, !isShared(frame) { return frame }
    }
    return nil
  }
}
