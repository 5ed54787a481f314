// SPDX-License-Identifier: Apache-2.0
//
// start_info (xen.h): what the domain builder tells the guest. Read by offset, because Swift imports the 1024-byte
// command line as a tuple.

import CGuestKit

/// The start_info structure of this boot.
public enum StartInfo {
  /// Its virtual address.
  public static var address: UInt64 { gk_start_info }
  /// nr_pages: frames given to the domain.
  public static var pageCount: UInt64 { Memory.load64(address + 32) }
  /// shared_info: machine address of the shared page.
  public static var sharedInfo: UInt64 { Memory.load64(address + 40) }
  /// flags: SIF_*.
  public static var flags: UInt32 { Memory.load32(address + 48) }
  /// store_mfn: machine frame of the page shared with xenstored.
  public static var storeFrame: UInt64 { Memory.load64(address + 56) }
  /// store_evtchn: the port to xenstored.
  public static var storePort: UInt32 { Memory.load32(address + 64) }
  /// console.domU.mfn: machine frame of the console ring.
  public static var consoleFrame: UInt64 { Memory.load64(address + 72) }
  /// console.domU.evtchn: the port to the console daemon.
  public static var consolePort: UInt32 { Memory.load32(address + 80) }
  /// pt_base: virtual address of the start-of-day L4 table.
  public static var pageTableBase: UInt64 { Memory.load64(address + 88) }
  /// nr_pt_frames: number of start-of-day page-table frames.
  public static var pageTableFrames: UInt64 { Memory.load64(address + 96) }
  /// mfn_list: virtual address of the table from page number to machine frame.
  public static var frameList: UInt64 { Memory.load64(address + 104) }
  /// cmd_line: virtual address of the NUL-terminated command line.
  public static var commandLine: UInt64 { address + 128 }
  /// Whether the guest is the control domain (SIF_INITDOMAIN).
  public static var isInitialDomain: Bool { flags & 2 != 0 }

  /// The address and length of the value of `key=` on the command line, nil when it is not there.
  public static func option(_ key: StaticString) -> (address: UInt64, count: UInt64)? {
    let length = UInt64(key.utf8CodeUnitCount)
    var start: UInt64 = 0
    while start < 1024 {
      let first = Memory.load8(commandLine + start)
      if first == 0 { return nil }
      let beginsWord = start == 0 || Memory.load8(commandLine + start - 1) == 32
      if beginsWord && bytes(at: commandLine + start, equal: key) {
        var count: UInt64 = 0
        while start + length + count < 1024 {
          let byte = Memory.load8(commandLine + start + length + count)
          if byte == 0 || byte == 32 { break }
          count += 1
        }
        return (commandLine + start + length, count)
      }
      start += 1
    }
    return nil
  }

  /// The value of `key=` as a decimal number, nil when it is not there or is none.
  public static func number(_ key: StaticString) -> UInt64? {
    guard let option = option(key), option.count > 0, option.count < 20 else { return nil }
    var value: UInt64 = 0
    for index in 0..<option.count {
      let digit = Memory.load8(option.address + index) &- 48
      if digit > 9 { return nil }
      value = value &* 10 &+ UInt64(digit)
    }
    return value
  }

  /// Whether memory at `address` begins with `text`.
  public static func bytes(at address: UInt64, equal text: StaticString) -> Bool {
    for index in 0..<text.utf8CodeUnitCount {
      if Memory.load8(address + UInt64(index)) != byte(index, of: text) { return false }
    }
    return true
  }
}

/// Fields of the shared page (struct shared_info), mapped over a page of the image at boot.
public enum SharedInfo {
  /// Where the shared page is mapped.
  public static var address: UInt64 { gk_address_shared_info_page() }
  /// The virtual address of vcpu_info of `vcpu`.
  public static func vcpu(_ vcpu: UInt64) -> UInt64 { address + vcpu * 64 }
  /// evtchn_pending, evtchn_mask: bitmaps of 64 words.
  public static var pending: UInt64 { address + 2048 }
  /// evtchn_mask.
  public static var mask: UInt64 { address + 2560 }
  /// wc_version and what follows.
  public static var wallClock: UInt64 { address + 3072 }
  /// cr2 of the last page fault on `vcpu` (arch_vcpu_info).
  public static func faultAddress(_ vcpu: UInt64) -> UInt64 { Memory.load64(SharedInfo.vcpu(vcpu) + 16) }
  /// Maps the shared page. Called once at boot.
  static func map() {
    hypercall(
      __HYPERVISOR_update_va_mapping, address, StartInfo.sharedInfo | PageEntry.present | PageEntry.writable,
      Flush.onePage)
  }
}
