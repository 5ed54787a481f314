// SPDX-License-Identifier: Apache-2.0
// The numbers that guests name things by. A number says nothing of whether the thing exists.
import CXenABI

/// A domain's number (`domid_t`, xen/xen.h).
public struct DomainID: Hashable, Sendable, BitwiseCopyable {
  /// The number.
  public var raw: UInt16
  /// The domain of a number, whether it exists or not.
  @inlinable public init(_ raw: UInt16) { self.raw = raw }

  /// The caller itself (DOMID_SELF).
  public static let current = DomainID(0x7ff0)
  /// Owner of device memory (DOMID_IO).
  public static let io = DomainID(0x7ff1)
  /// Owner of the hypervisor's shared frames (DOMID_XEN).
  public static let xen = DomainID(0x7ff2)
  /// Owner of copy-on-write frames (DOMID_COW): always refused here.
  public static let copyOnWrite = DomainID(0x7ff3)
  /// No domain (DOMID_INVALID).
  public static let invalid = DomainID(0x7ff4)
  /// The idle domain (DOMID_IDLE).
  public static let idle = DomainID(0x7fff)
  /// Numbers from here on are not ordinary domains (DOMID_FIRST_RESERVED).
  public static let firstReserved: UInt16 = 0x7ff0

  /// Whether it can be the number of an ordinary domain.
  @inlinable public var isOrdinary: Bool { raw < DomainID.firstReserved }
}

/// A vCPU's number within its domain.
public struct VCPUID: Hashable, Sendable, BitwiseCopyable {
  /// The number.
  public var raw: UInt32
  /// The vCPU of a number.
  @inlinable public init(_ raw: UInt32) { self.raw = raw }
}

/// An event channel's local number (`evtchn_port_t`, xen/event_channel.h).
public struct EventPort: Hashable, Sendable, BitwiseCopyable {
  /// The number.
  public var raw: UInt32
  /// The port of a number.
  @inlinable public init(_ raw: UInt32) { self.raw = raw }
}

/// An index into a grant table (`grant_ref_t`, xen/grant_table.h).
public struct GrantReference: Hashable, Sendable, BitwiseCopyable {
  /// The index.
  public var raw: UInt32
  /// The grant of an index.
  @inlinable public init(_ raw: UInt32) { self.raw = raw }
}

/// A frame number as a guest counts its own memory (pfn, `xen_pfn_t`). For PV guests the hypervisor only stores it (M2P).
public struct GuestFrame: Hashable, Sendable, BitwiseCopyable {
  /// The number.
  public var number: UInt64
  /// The frame of a number.
  @inlinable public init(_ number: UInt64) { self.number = number }
}

/// Virtual interrupts (VIRQ_*, xen/xen.h).
public enum VirtualInterrupt {
  /// VIRQ_TIMER.
  public static let timer: UInt32 = 0
  /// VIRQ_DEBUG.
  public static let debug: UInt32 = 1
  /// VIRQ_CONSOLE: input has come.
  public static let console: UInt32 = 2
  /// VIRQ_DOM_EXC: a domain has shut down.
  public static let domainException: UInt32 = 3
  /// VIRQ_TBUF.
  public static let traceBuffer: UInt32 = 4
  /// VIRQ_DEBUGGER.
  public static let debugger: UInt32 = 6
  /// VIRQ_XENOPROF.
  public static let profiler: UInt32 = 7
  /// VIRQ_CON_RING.
  public static let consoleRing: UInt32 = 8
  /// VIRQ_PCPU_STATE.
  public static let cpuState: UInt32 = 9
  /// VIRQ_MEM_EVENT.
  public static let memoryEvent: UInt32 = 10
  /// VIRQ_ARGO.
  public static let argo: UInt32 = 11
  /// VIRQ_ENOMEM.
  public static let outOfMemory: UInt32 = 12
  /// VIRQ_XENPMU.
  public static let performance: UInt32 = 13
  /// Numbers below this exist (NR_VIRQS).
  public static let count: UInt32 = 24

  /// Whether each vCPU has its own (otherwise the domain has one).
  public static func isPerVCPU(_ virq: UInt32) -> Bool {
    virq == timer || virq == debug || virq == profiler || virq == performance
  }
}
