// SPDX-License-Identifier: Apache-2.0
//
// What CPUID says on every CPU model that QEMU 7.2 names (Fixtures/processors.txt, written by Fixtures/record-processors).

import Foundation
import Instructions
import Testing

/// One or several models that answer alike.
struct ProcessorModel: CustomTestStringConvertible {
  /// How the answers were got.
  enum Kind: String {
    /// As QEMU's own emulation shows them: without the features that it lacks.
    case shown
    /// With every feature that the model declares, as a processor has it.
    case declared
  }

  let kind: Kind
  let names: [String]
  private(set) var answers: [UInt64: CPUIDRegisters] = [:]

  var testDescription: String { "\(kind.rawValue) \(names[0])" }

  /// Answers as the processor does.
  func cpuid(_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDRegisters {
    answers[UInt64(leaf) << 32 | UInt64(subleaf)] ?? CPUIDRegisters()
  }

  /// Long mode, without which it is no x86-64 processor.
  var isSixtyFourBit: Bool { cpuid(0x8000_0001, 0).edx & 1 << 29 != 0 }

  /// Every entry of the file, and the models that QEMU did not start.
  static let recorded: (models: [ProcessorModel], none: [String]) = {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/processors.txt")
    var models: [ProcessorModel] = []
    var none: [String] = []
    for line in try! String(contentsOf: file, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ").map(String.init)
      if words[0] == "none" {
        none.append(words[2])
      } else if let kind = Kind(rawValue: words[0]) {
        models.append(ProcessorModel(kind: kind, names: Array(words.dropFirst())))
      } else {
        let place = words[0].split(separator: ".").map { UInt64($0, radix: 16)! }
        let values = words.dropFirst().map { UInt32($0, radix: 16)! }
        models[models.count - 1].answers[place[0] << 32 | place[1]] = CPUIDRegisters(
          eax: values[0], ebx: values[1], ecx: values[2], edx: values[3])
      }
    }
    return (models, none)
  }()

  /// Every entry that is an x86-64 processor.
  static let sixtyFourBit = recorded.models.filter(\.isSixtyFourBit)
}
