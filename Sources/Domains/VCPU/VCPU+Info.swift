// SPDX-License-Identifier: Apache-2.0
// A vCPU's `vcpu_info` moving from the shared page to where the guest wants it.
import Machine
import XenABI

extension Ref where T == VCPU {
  /// Moves the structure; the new frame's writable use belongs to the vCPU from now on. Nothing that was pending is lost.
  public func moveInfo(to place: VCPUInfoPlace) {
    let old = self[].info
    PhysicalWindow.copy(
      from: old.frame, at: old.offset, to: place.frame, at: place.offset, count: SharedInfoLayout.vcpuInfoSize)
    self[].info = place
    self[].hasOwnInfo = true
    publishTime()
    // An event may have been raised at the old place after the copy: have the guest look at everything once.
    for word in 0..<64 { _ = place.setSelector(word) }
    _ = place.setPending()
    kick()
  }
}

extension Ref where T == VCPU {
  /// Runs `body` as the only one that sets this vCPU up or inspects it. Others do not wait with interrupts off: they come again.
  ///
  /// - Throws: `restart` while another is at it; what `body` throws.
  public func claimed<R>(_ body: () throws(XenError) -> R) throws(XenError) -> R {
    guard self[].claim.compareExchange(expected: 0, desired: 1) == 0 else { throw .restart }
    defer { self[].claim.store(0) }
    return try body()
  }
}
