// SPDX-License-Identifier: Apache-2.0
//
// The table of names that the hypervisor's backtraces read (Sources/Machine/CPU/SymbolTable.swift): made from the linked
// image, and linked into it in the next pass.

import Foundation

/// One function of the image.
struct TextSymbol: Equatable {
  let address: UInt64
  /// As the linker knows it.
  let linkName: String
}

enum SymbolTableMaker {
  /// Longer names are cut: a line of the console has 240 bytes, and /proc/xen/xensyms takes names up to 127.
  static let longestName = 120

  /// The functions in the output of `nm`, one for each address, sorted by address. Of several names for one address it takes
  /// a global one before a local one, then the first in the alphabet, so that the same image always gives the same table.
  static func symbols(fromListing text: String) -> [TextSymbol] {
    var best: [UInt64: (rank: Int, name: String)] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
      guard words.count == 3, let address = UInt64(words[0], radix: 16), "tTwW".contains(words[1]) else { continue }
      let name = String(words[2])
      // The linker script's own marks stand at the end of the text.
      guard address != 0, !name.hasPrefix(".L"), name != "martlet_text_end", name != "martlet_image_start" else {
        continue
      }
      let rank = words[1] == "T" ? 0 : words[1] == "t" ? 2 : 1
      if let old = best[address], (old.rank, old.name) <= (rank, name) { continue }
      best[address] = (rank, name)
    }
    return best.map { TextSymbol(address: $0.key, linkName: $0.value.name) }.sorted { $0.address < $1.address }
  }

  /// A readable name: without what the compiler says about how it made the function, and no longer than a line can take.
  static func shortened(_ demangled: String) -> String {
    var name = demangled
    for noise in ["generic specialized ", "specialized ", "static ", "merged "] {
      name = name.replacingOccurrences(of: noise, with: "")
    }
    let bytes = name.utf8.map { $0 >= 32 && $0 < 127 ? $0 : UInt8(ascii: "?") }
    return String(decoding: bytes.prefix(longestName), as: UTF8.self)
  }

  /// Assembly text of the table: the number of symbols; pairs of address and offset of the name, sorted by address; the
  /// names, each ended by a zero byte. `names` has one for each symbol.
  static func assembly(_ symbols: [TextSymbol], names: [String]) -> String {
    precondition(symbols.count == names.count)
    var text = "# Made by ./martlet build.\n  .section .rodata.martlet_symbols,\"a\"\n  .p2align 3\n"
    text += "  .globl martlet_symbols\nmartlet_symbols:\n  .quad \(symbols.count)\n"
    var offsets: [String: Int] = [:]
    var ordered: [String] = []
    var end = 0
    for (symbol, name) in zip(symbols, names) {
      let offset: Int
      if let known = offsets[name] {
        offset = known
      } else {
        offset = end
        offsets[name] = offset
        ordered.append(name)
        end += name.utf8.count + 1
      }
      text += "  .quad 0x\(String(symbol.address, radix: 16)), \(offset)\n"
    }
    for name in ordered {
      let quoted = name.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
      text += "  .asciz \"\(quoted)\"\n"
    }
    return text + "  .section .note.GNU-stack,\"\",@progbits\n"
  }
}
