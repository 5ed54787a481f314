// SPDX-License-Identifier: Apache-2.0

// The feature words of a Xen kernel: which it can use, and which it cannot do without.

/// Hypervisor features, as bits of the first (and only) XENVER_get_features word. ABI: xen/features.h.
public struct XenFeatures: OptionSet {
  /// The word.
  public let rawValue: UInt32

  /// A set from its word.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// No feature. (A literal of a set is an array first, which a build without a heap refuses.)
  public static var none: XenFeatures { XenFeatures(rawValue: 0) }
  /// `XENFEAT_writable_page_tables`
  public static let writablePageTables = XenFeatures(rawValue: 1 << 0)
  /// `XENFEAT_writable_descriptor_tables`
  public static let writableDescriptorTables = XenFeatures(rawValue: 1 << 1)
  /// `XENFEAT_auto_translated_physmap`
  public static let autoTranslatedPhysmap = XenFeatures(rawValue: 1 << 2)
  /// `XENFEAT_supervisor_mode_kernel`
  public static let supervisorModeKernel = XenFeatures(rawValue: 1 << 3)
  /// `XENFEAT_pae_pgdir_above_4gb`
  public static let pageDirectoryAbove4GiB = XenFeatures(rawValue: 1 << 4)
  /// `XENFEAT_mmu_pt_update_preserve_ad`
  public static let preserveAccessedDirty = XenFeatures(rawValue: 1 << 5)
  /// `XENFEAT_highmem_assist`
  public static let highMemoryAssist = XenFeatures(rawValue: 1 << 6)
  /// `XENFEAT_gnttab_map_avail_bits`
  public static let grantMapAvailableBits = XenFeatures(rawValue: 1 << 7)
  /// `XENFEAT_hvm_callback_vector`
  public static let hvmCallbackVector = XenFeatures(rawValue: 1 << 8)
  /// `XENFEAT_hvm_safe_pvclock`
  public static let hvmSafeClock = XenFeatures(rawValue: 1 << 9)
  /// `XENFEAT_hvm_pirqs`
  public static let hvmPIRQs = XenFeatures(rawValue: 1 << 10)
  /// `XENFEAT_dom0`
  public static let domain0 = XenFeatures(rawValue: 1 << 11)
  /// `XENFEAT_memory_op_vnode_supported`
  public static let virtualNodes = XenFeatures(rawValue: 1 << 13)
  /// `XENFEAT_ARM_SMCCC_supported`
  public static let armSMCCC = XenFeatures(rawValue: 1 << 14)
  /// `XENFEAT_linux_rsdp_unrestricted`
  public static let unrestrictedRootPointer = XenFeatures(rawValue: 1 << 15)
  /// `XENFEAT_not_direct_mapped`
  public static let notDirectMapped = XenFeatures(rawValue: 1 << 16)
  /// `XENFEAT_direct_mapped`
  public static let directMapped = XenFeatures(rawValue: 1 << 17)

  /// The feature of a name as it stands in XEN_ELFNOTE_FEATURES, or nil when the name is not known.
  init?(named name: Range<Int>, of file: Span<UInt8>) {
    if file.equals(name, "writable_page_tables") {
      self = .writablePageTables
    } else if file.equals(name, "writable_descriptor_tables") {
      self = .writableDescriptorTables
    } else if file.equals(name, "auto_translated_physmap") {
      self = .autoTranslatedPhysmap
    } else if file.equals(name, "supervisor_mode_kernel") {
      self = .supervisorModeKernel
    } else if file.equals(name, "pae_pgdir_above_4gb") {
      self = .pageDirectoryAbove4GiB
    } else if file.equals(name, "mmu_pt_update_preserve_ad") {
      self = .preserveAccessedDirty
    } else if file.equals(name, "highmem_assist") {
      self = .highMemoryAssist
    } else if file.equals(name, "gnttab_map_avail_bits") {
      self = .grantMapAvailableBits
    } else if file.equals(name, "hvm_callback_vector") {
      self = .hvmCallbackVector
    } else if file.equals(name, "hvm_safe_pvclock") {
      self = .hvmSafeClock
    } else if file.equals(name, "hvm_pirqs") {
      self = .hvmPIRQs
    } else if file.equals(name, "dom0") {
      self = .domain0
    } else if file.equals(name, "memory_op_vnode_supported") {
      self = .virtualNodes
    } else if file.equals(name, "linux_rsdp_unrestricted") {
      self = .unrestrictedRootPointer
    } else if file.equals(name, "not_direct_mapped") {
      self = .notDirectMapped
    } else if file.equals(name, "direct_mapped") {
      self = .directMapped
    } else {
      return nil
    }
  }
}
