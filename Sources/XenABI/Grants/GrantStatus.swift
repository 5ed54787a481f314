// SPDX-License-Identifier: Apache-2.0
// What each entry of a grant operation reports. A hypercall error (`XenError`) stops a batch; these do not.

/// The status of one entry (`enum grant_status`, GNTST_* in xen/grant_table.h). Thrown by what an entry consists of, so that
/// the batch driver writes it in one place.
public enum GrantStatus: Int16, Error {
  /// GNTST_okay: done.
  case okay = 0
  /// GNTST_general_error: the grant does not allow it, or anything without a status of its own.
  case generalError = -1
  /// GNTST_bad_domain: no such domain.
  case badDomain = -2
  /// GNTST_bad_gntref: no such grant, or not of a kind that fits.
  case badReference = -3
  /// GNTST_bad_handle: no such mapping.
  case badHandle = -4
  /// GNTST_bad_virt_addr: an address that cannot be mapped at, or does not hold the mapping.
  case badAddress = -5
  /// GNTST_bad_dev_addr: not the mapping's bus address.
  case badDeviceAddress = -6
  /// GNTST_no_device_space: no room in an I/O MMU. Never given here.
  case noDeviceSpace = -7
  /// GNTST_permission_denied: the caller may not.
  case permissionDenied = -8
  /// GNTST_bad_page: not a frame that this can be done with.
  case badPage = -9
  /// GNTST_bad_copy_arg: the bytes to copy cross the end of a page.
  case badCopyArgument = -10
  /// GNTST_address_too_big: the frame's number does not fit a version 1 entry.
  case addressTooBig = -11
  /// GNTST_eagain: in use at the moment; try again.
  case tryAgain = -12
  /// GNTST_no_space: out of handles or counts.
  case noSpace = -13
}
