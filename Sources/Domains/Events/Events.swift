// SPDX-License-Identifier: Apache-2.0
import XenABI
import Machine
public enum Events {
  public static func raise(virq: UInt32, vcpu: Ref<VCPU>) {}
  public static func raiseGlobal(virq: UInt32, domain: Ref<Domain>) {}
}
