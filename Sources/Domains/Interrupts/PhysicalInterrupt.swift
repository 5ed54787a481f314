// SPDX-License-Identifier: Apache-2.0
// One physical interrupt, as guests name it (pirq), and where it comes from. The number is the same for all domains: a line of
// an I/O APIC has its global system interrupt number (GSI), messages have the numbers after those.
import Machine
import XenABI

/// Where an interrupt comes from.
enum InterruptSource: UInt8, BitwiseCopyable {
  /// Nowhere: a number that is free, or reserved by `owner` for a message to come.
  case none
  /// A line of an I/O APIC.
  case line
  /// A message written by a PCI function.
  case message
}

/// The registers that a function's message is programmed through.
struct MessageRegisters: BitwiseCopyable {
  var function = PCIFunction(bus: 0, devfn: 0)
  /// Where its capability is: MSI-X if `table` is not zero, otherwise MSI.
  var capability: UInt8 = 0
  /// MSI: whether addresses have 64 bits, and whether messages can be masked one by one.
  var isWide = false
  var isMaskable = false
  /// MSI: which of the function's messages it is, and how many were given to it together.
  var index: UInt8 = 0
  var count: UInt8 = 1
  /// MSI-X: the physical address of its entry in the function's table; zero for MSI.
  var table: UInt64 = 0
}

/// One physical interrupt.
public struct PhysicalInterrupt: BitwiseCopyable {
  // ---- Who it goes to: event channels bind it ----

  /// The domain that it is bound to; DOMID_INVALID for none.
  public var domain = DomainID.invalid
  /// How many bindings there are: more than one only if all are willing to share.
  public var bindings: UInt16 = 0
  /// Whether those who have bound it are willing to share it.
  public var isShared = false
  /// Whether it has arrived and its guest has not said yet that it is done with it.
  public var isInService = false
  /// The vCPU of the domain that is told.
  public var vcpu: UInt8 = 0

  // ---- Whose it is and where it comes from: physdev_op maps it ----

  /// The domain that may bind it; DOMID_INVALID for none.
  var owner = DomainID.invalid
  var source = InterruptSource.none
  /// The vector at which it arrives; zero for none yet.
  var vector: UInt8 = 0
  /// The CPU at which it arrives.
  var cpu: UInt8 = 0
  /// Whether it comes for the hypervisor's own console.
  var isConsole = false
  /// A line's signal: level-triggered, active low; and whether Domain 0 has said so (PHYSDEVOP_setup_gsi).
  var isLevel = false
  var isLow = false
  var isSetUp = false
  /// Whether it was masked because its guest did not heed it, and how often it has come unheeded.
  var isHeld = false
  var unheeded: UInt8 = 0
  /// The registers of a message.
  var message = MessageRegisters()

  /// Whether it must not come now.
  var isMasked: Bool { !isConsole && (bindings == 0 || isHeld || (isLevel && isInService)) }

  /// Whether its guest has to say when it is done with it: only then it comes again.
  var needsEOI: Bool { isLevel || isHeld }

  /// Takes the binding away.
  mutating func unbind() {
    domain = .invalid
    bindings = 0
    isShared = false
    isInService = false
    isHeld = false
    unheeded = 0
    vcpu = 0
  }

  /// How often an edge may come while its event still waits, before it is masked.
  static let patience: UInt8 = 64
}
