// SPDX-License-Identifier: Apache-2.0
//
// The attacks as flows of xl: the script scenarios/attacks.sh runs each attack of scenarios/attacks.list as a domain beside a
// healthy one. There are many, so two machines share them.

/// One line of attacks.list.
public struct AttackLine: Sendable, Equatable {
  /// The guest of GuestKit's image.
  public let guest: String
  /// The step's name in the log: the guest's, and what else its command line has.
  public let label: String

  /// An attack by guest and label.
  public init(guest: String, label: String) {
    self.guest = guest
    self.label = label
  }

  /// The attacks in the text of attacks.list, in its order.
  public static func lines(of text: String) -> [AttackLine] {
    text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ").map(String.init)
      guard let name = words.first, name.hasPrefix("attack-"), words.count >= 3 else { return nil }
      let more = words.dropFirst(3).map { $0.filter { $0 != "=" } }
      return AttackLine(guest: name, label: ([name] + more).joined(separator: "-"))
    }
  }
}

extension XLFlow {
  /// The machines that run the attacks; those whose name has `only`, if it is given, on one machine.
  public static func attacks(only: String? = nil) -> [XLFlow] {
    let shares = only == nil ? 2 : 1
    return (1...shares).map { share in
      XLFlow("attacks-\(share)", script: "attacks") {
        $0.needsConcurrency = true
        $0.domain0Memory = 768
        // Each refusal is a line on the console of a hypervisor that tells them all, and the attacks are nothing but refused.
        $0.hypervisorOptions = "guest_loglvl=none dom0_max_vcpus=1"
        $0.settings = ["share=\(share)/\(shares)"] + (only.map { ["only=" + $0] } ?? [])
      }
    }
  }
}
