// SPDX-License-Identifier: Apache-2.0
// The console ring across a warm reboot: memory keeps its contents then, and a frame before the ring says what is in it. Only
// a panic seals the ring, so only what was said before a panic is ever believed; the checksum covers all of it.
import Machine

/// A console ring with the frame that describes it.
public struct PreservedRing: BitwiseCopyable {
  let header: MachineFrame
  let first: MachineFrame
  let bytes: Int

  /// The ring of `bytes` bytes (a power of two, whole frames) from frame `first` on, described in frame `header`.
  public init(header: MachineFrame, first: MachineFrame, bytes: Int) {
    self.header = header
    self.first = first
    self.bytes = bytes
  }

  // Words of the header.
  private static let magicWord = 0
  private static let bytesWord = 1
  private static let producedWord = 2
  private static let panicWord = 3
  private static let checksumWord = 4
  private static let magic: UInt64 = 0x4d61_726c_6574_2031

  /// Notes that a panic begins to be told at this position of the stream.
  public func beginPanic(at position: UInt64) {
    PhysicalWindow.store(header, word: Self.panicWord, position)
    seal(produced: position)
  }

  /// Has the ring be found after a warm reboot as it is now.
  public func seal(produced: UInt64) {
    PhysicalWindow.store(header, word: Self.magicWord, Self.magic)
    PhysicalWindow.store(header, word: Self.bytesWord, UInt64(bytes))
    PhysicalWindow.store(header, word: Self.producedWord, produced)
    PhysicalWindow.store(header, word: Self.checksumWord, checksum())
  }

  /// What the boot before this one has left, if it ended with a panic and every byte is as it was.
  public func record() -> PreviousBoot? {
    guard PhysicalWindow.load(header, word: Self.magicWord) == Self.magic,
      PhysicalWindow.load(header, word: Self.bytesWord) == UInt64(bytes)
    else { return nil }
    let produced = PhysicalWindow.load(header, word: Self.producedWord)
    let panic = PhysicalWindow.load(header, word: Self.panicWord)
    // More than any machine ever says, and few enough that sums with it do not overflow.
    guard produced < 1 &<< 60, panic <= produced, PhysicalWindow.load(header, word: Self.checksumWord) == checksum()
    else { return nil }
    return PreviousBoot(produced: produced, panic: panic)
  }

  /// Has the ring not be found again.
  public func forget() { PhysicalWindow.store(header, word: Self.magicWord, 0) }

  /// FNV-1a over the words of the description and of the whole ring.
  private func checksum() -> UInt64 {
    var sum: UInt64 = 0xcbf2_9ce4_8422_2325
    for word in 0..<Self.checksumWord { sum = (sum ^ PhysicalWindow.load(header, word: word)) &* 0x100_0000_01b3 }
    for frame in 0..<UInt64(bytes &>> 12) {
      for word in 0..<512 { sum = (sum ^ PhysicalWindow.load(first + frame, word: word)) &* 0x100_0000_01b3 }
    }
    return sum
  }
}

/// What a boot that ended with a panic has left in the ring.
public struct PreviousBoot: BitwiseCopyable {
  /// How many bytes had been put in.
  public let produced: UInt64
  /// The position at which the panic began to be told.
  public let panic: UInt64
}

extension Ref where T == Console {
  /// How much of what came before the panic is shown again, and how much in all, in bytes.
  static var shownBefore: UInt64 { 1536 }
  static var shownAtMost: UInt64 { 16384 }

  /// Shows the last messages of the boot before this one. They are still in the ring, where they stay until newer ones
  /// overwrite them, so this goes to the port alone.
  public func showPrevious(_ previous: PreviousBoot) {
    Log.write(.error, "previous boot ended with a panic; its last messages:")
    if let port = self[].port {
      var position = start(previous)
      var isLineStart = true
      while position < previous.produced {
        if isLineStart {
          port.send(124)
          port.send(32)
          isLineStart = false
        }
        let byte = byte(at: position)
        position &+= 1
        if byte == 10 {
          port.send(13)
          port.send(10)
          isLineStart = true
        } else if byte != 13 {
          port.send(byte == 9 || byte >= 32 && byte < 127 ? byte : 46)
        }
      }
      if !isLineStart {
        port.send(13)
        port.send(10)
      }
    }
    Log.write(.error, "end of the previous boot's messages")
  }

  /// Where to begin: some way before the panic, at the start of a line, and with no more than a person reads.
  func start(_ previous: PreviousBoot) -> UInt64 {
    var position = previous.panic > Self.shownBefore ? previous.panic &- Self.shownBefore : 0
    let limit = min(Self.shownAtMost, capacity)
    if previous.produced &- position > limit { position = previous.produced &- limit }
    guard position > 0 else { return 0 }
    // The line that we are in the middle of is left out.
    while position < previous.produced {
      let byte = byte(at: position)
      position &+= 1
      if byte == 10 { break }
    }
    return position
  }

  /// A panic begins: what was said before goes out to the port, and what is said from now on at once; that, and what was said
  /// last, outlives a warm reboot.
  public func beginPanic() {
    goSynchronous()
    guard let header = self[].header else { return }
    self[].lock.seize { ring in
      PreservedRing(header: header, first: self[].ringFirst, bytes: self[].ringBytes).beginPanic(at: ring.produced)
    }
  }
}
