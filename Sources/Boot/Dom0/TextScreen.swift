// SPDX-License-Identifier: Apache-2.0
// The screen as the firmware has left it, for Domain 0's kernel: with it, Linux has a console on a monitor, not on the serial line
// only. A screen in VGA's text mode stands in the BIOS data area; others are not looked for.
import CXenABI
import Machine
import XenABI

/// A screen in text mode 3, with what the kernel wants to know of it (`struct dom0_vga_console_info`, xen/xen.h).
struct TextScreen {
  var columns: UInt16
  var rows: UInt16
  var fontHeight: UInt16
  var cursorColumn: UInt16
  var cursorRow: UInt16

  /// The screen that the BIOS data area tells of; nil if that is in another mode, or says what cannot be.
  static func asLeftByFirmware() -> TextScreen? {
    let page = MachineFrame(0)
    func byte(_ offset: Int) -> UInt16 { UInt16(PhysicalWindow.load8(page, byte: offset)) }
    func word(_ offset: Int) -> UInt16 { byte(offset) | byte(offset &+ 1) &<< 8 }
    guard PhysicalWindow.contains(page), byte(0x449) == 3 else { return nil }
    let (columns, rows, height) = (word(0x44a), byte(0x484) &+ 1, word(0x485))
    guard columns >= 40, columns <= 132, rows >= 25, rows <= 60, height >= 8, height <= 32 else { return nil }
    return TextScreen(
      columns: columns, rows: rows, fontHeight: height, cursorColumn: min(byte(0x450), columns &- 1),
      cursorRow: min(byte(0x451), rows &- 1))
  }

  /// Writes it behind the start_info in `page`, which names its place.
  func describe(in page: MachineFrame) {
    let start = (StartInfoLayout.bytes &+ 7) & ~7
    PhysicalWindow.store32(page, word: StartInfoLayout.screenOffset &>> 2, UInt32(start))
    PhysicalWindow.store32(page, word: StartInfoLayout.screenBytes &>> 2, UInt32(SIZE_screen))
    PhysicalWindow.store8(page, byte: start, UInt8(XEN_VGATYPE_TEXT_MODE_3))
    let fields: InlineArray<5, UInt16> = [fontHeight, cursorColumn, cursorRow, rows, columns]
    for index in fields.indices {
      PhysicalWindow.store16(page, word: (start &+ Int(OFFSET_screen_text)) &>> 1 &+ index, fields[index])
    }
  }
}
